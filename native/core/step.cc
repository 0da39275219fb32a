// Kills the process at a labelled step, in builds with DORA_FAULTS only. See step.h.
#include "core/step.h"

#ifdef DORA_FAULTS

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>

namespace dora {
namespace {

/// DORA_FAULT=label:count, read once.
struct Plan {
  char label[64] = {};
  long count = 0;
  Plan() {
    const char* text = getenv("DORA_FAULT");
    const char* colon = text == nullptr ? nullptr : strchr(text, ':');
    if (colon == nullptr || static_cast<size_t>(colon - text) >= sizeof label) return;
    memcpy(label, text, static_cast<size_t>(colon - text));
    count = strtol(colon + 1, nullptr, 10);
  }
};

}  // namespace

void step(const char* label) {
  static const Plan plan;
  static std::atomic<long> arrivals{0};  // a count only: orders nothing
  if (plan.count == 0 || strcmp(plan.label, label) != 0) return;
  if (arrivals.fetch_add(1, std::memory_order_relaxed) + 1 == plan.count) raise(SIGKILL);
}

}  // namespace dora

#endif
