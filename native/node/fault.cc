// Table of read-only regions for a signal handler. See fault.h.
#include "node/fault.h"

#include <atomic>
#include <cstring>
#include <mutex>

namespace dora {
namespace {

constexpr int kEntries = 2048;
constexpr size_t kText = 160;

struct Entry {
  // SYNC: fault-entry. size != 0 publishes base and text (release); the handler loads it first (acquire).
  std::atomic<uint64_t> size{0};
  std::atomic<uintptr_t> base{0};
  char text[kText] = {};
};

Entry entries[kEntries];
std::atomic<int> used{0};  // entries ever used: how far the handler looks. Relaxed: an entry's own size decides
std::mutex writers;

}  // namespace

int add_fault_region(const void* base, uint64_t size, const char* description) {
  std::lock_guard guard(writers);
  for (int i = 0; i < kEntries; i++) {
    Entry& entry = entries[i];
    if (entry.size.load(std::memory_order_relaxed) != 0) continue;
    entry.base.store(reinterpret_cast<uintptr_t>(base), std::memory_order_relaxed);
    strncpy(entry.text, description, kText - 1);
    entry.size.store(size, std::memory_order_release);
    if (i >= used.load(std::memory_order_relaxed)) used.store(i + 1, std::memory_order_relaxed);
    return i;
  }
  return -1;
}

void remove_fault_region(int entry) {
  if (entry < 0) return;
  std::lock_guard guard(writers);
  entries[entry].size.store(0, std::memory_order_release);
}

bool describe_fault(const void* address, char* out, size_t size) {
  const auto at = reinterpret_cast<uintptr_t>(address);
  const int count = used.load(std::memory_order_relaxed);
  for (int i = 0; i < count; i++) {
    const uint64_t bytes = entries[i].size.load(std::memory_order_acquire);
    const uintptr_t base = entries[i].base.load(std::memory_order_relaxed);
    if (bytes == 0 || at < base || at - base >= bytes) continue;
    size_t n = 0;
    for (; n + 1 < size && entries[i].text[n] != 0; n++) out[n] = entries[i].text[n];
    out[n] = 0;
    return true;
  }
  return false;
}

}  // namespace dora
