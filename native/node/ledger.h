// A process's counters in shared memory, written by it alone and readable by the broker after its death too. Layout:
// core/layout.h.
//
// Relaxed loads and stores: each counter has one writer at a time (inputs: the consumer; outputs: the publisher's lock)
// and orders nothing.
#pragma once

#include "core/layout.h"
#include "core/region.h"

namespace dora {

class Ledger {
 public:
  Status open(Fd memory, uint32_t inputs, uint32_t outputs, Error* error) {
    const uint64_t size = ledger_size(inputs, outputs);
    if (file_size(memory.get()) < size) return error->fail(Status::shm_corrupt, "the ledger is too small");
    inputs_ = inputs;
    return Mapping::map(memory.get(), round_to_page(size), true, &memory_, error);
  }
  LedgerInput& input(uint32_t index) {
    return reinterpret_cast<LedgerInput*>(memory_.data() + sizeof(LedgerHead))[index];
  }
  LedgerOutput& output(uint32_t index) {
    return reinterpret_cast<LedgerOutput*>(memory_.data() + sizeof(LedgerHead) + sizeof(LedgerInput) * inputs_)[index];
  }
  static void add(std::atomic<uint64_t>& counter, uint64_t n) {
    if (n != 0) counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

 private:
  Mapping memory_;
  uint32_t inputs_ = 0;
};

}  // namespace dora
