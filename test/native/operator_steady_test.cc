// In steady state a message between operators allocates nothing: every `new` of this program is counted, and so is what
// malloc has handed out.
#include <malloc.h>

#include <cstdlib>
#include <new>

#include "operator_harness.h"

using namespace dora;
using namespace dora::test;

namespace {
std::atomic<uint64_t> allocations{0};
}

// Not inline, or the compiler takes `new` and free() for a pair that does not match.
__attribute__((noinline)) void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = malloc(size)) return memory;
  abort();
}
__attribute__((noinline)) void operator delete(void* memory) noexcept { free(memory); }
__attribute__((noinline)) void operator delete(void* memory, size_t) noexcept { free(memory); }

namespace {

struct Spent {
  uint64_t allocations;
  size_t in_use;  // bytes
  bool operator==(const Spent&) const = default;
};
Spent spent() { return {allocations.load(), mallinfo2().uordblks}; }

/// Other threads of this program allocate now and then, so a stretch in which one did is measured again: what every
/// message costs is in all of them.
constexpr int kWarm = 1000, kMeasured = 20000, kStretches = 5;

}  // namespace

TEST_CASE("messages between operators allocate nothing: copied and lent, with metadata, one reader and three") {
  for (const bool lent : {false, true}) {
    CAPTURE(lent);
    Flow flow;
    Notes done;
    int laps = 0;
    Spent before{}, after{};
    flow.op("first", {{"in", "local/last/out", 1}}, {"out"},
            {{},
             [&](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
               if (event->type == DORA_EVENT_START)
                 return host->api->send_copy(host, 0, "0123456789", 10, DORA_ENCODING_RAW, nullptr, 0, nullptr);
               if (event->type != DORA_EVENT_INPUT) return DORA_OK;
               if (++laps == kWarm) before = spent();
               if (laps > kWarm && (laps - kWarm) % kMeasured == 0) {
                 after = spent();
                 if (after == before || laps >= kWarm + kStretches * kMeasured) {
                   done.add("done");
                   return DORA_OK;
                 }
                 before = after;
               }
               uint8_t metadata[64];
               uint64_t size = 0;
               const int64_t number = laps;
               host->api->metadata_put(host, metadata, sizeof metadata, &size, "n", DORA_META_INT64, &number,
                                       sizeof number);
               if (!lent) {
                 return host->api->send_copy(host, 0, event->data, event->size, DORA_ENCODING_RAW, metadata,
                                             static_cast<uint32_t>(size), nullptr);
               }
               dora_operator_loan_t loan;
               const int32_t status = host->api->loan(host, 0, 2000, &loan, nullptr);
               if (status != DORA_OK) return status;
               memset(loan.data, 1, loan.size);
               return host->api->send(host, &loan, DORA_ENCODING_RAW, metadata, static_cast<uint32_t>(size), nullptr);
             },
             {}});
    flow.op("last", {{"in", "local/first/out", 1}}, {"out"},
            {{},
             [](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
               if (event->type != DORA_EVENT_INPUT) return DORA_OK;
               return host->api->send_copy(host, 0, event->data, event->size, DORA_ENCODING_RAW, event->metadata,
                                           event->metadata_size, nullptr);
             },
             {}});
    for (const char* id : {"beside", "besides"}) flow.op(id, {{"in", "local/first/out", 4}}, {}, {});
    flow.go();
    done.wait_for(1);
    CHECK(after.allocations == before.allocations);
    CHECK(after.in_use == before.in_use);
    CHECK_FALSE(flow.stop().has_value());
  }
}
