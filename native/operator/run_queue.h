// Runnable operators, best first: higher priority, then the earlier arrival of what they are to run.
//
// An intrusive pairing heap: no allocation, constant time to push, and to pop when few are runnable; logarithmic
// (amortised) with thousands. A list would not do: an operator that has run comes back with the arrival of its next
// message, which may be older than those of all others. Threads: under the scheduler's lock. An operator is in it at
// most once (Operator::queued).
#pragma once

#include "operator/instance.h"

namespace dora {

class RunQueue {
 public:
  bool empty() const { return root_ == nullptr; }

  /// operator->arrival and ->priority must not change while it is queued.
  void push(Operator* op) {
    op->child = nullptr;
    op->sibling = nullptr;
    op->queued = true;
    root_ = root_ == nullptr ? op : meld(root_, op);
  }

  /// Null when empty.
  Operator* pop() {
    Operator* best = root_;
    if (best == nullptr) return nullptr;
    root_ = best->child == nullptr ? nullptr : meld_pairs(best->child);
    best->queued = false;
    return best;
  }

 private:
  static bool before(const Operator* a, const Operator* b) {
    return a->priority != b->priority ? a->priority > b->priority : a->arrival < b->arrival;
  }
  static Operator* meld(Operator* a, Operator* b) {
    if (before(b, a)) std::swap(a, b);
    b->sibling = a->child;
    a->child = b;
    return a;
  }
  /// Two passes: pairs from left to right, then one by one from right to left; without recursion.
  static Operator* meld_pairs(Operator* first) {
    Operator* pairs = nullptr;  // melded pairs, last one first, linked by sibling
    while (first != nullptr) {
      Operator* a = first;
      Operator* b = a->sibling;
      first = b == nullptr ? nullptr : b->sibling;
      a->sibling = nullptr;
      if (b != nullptr) {
        b->sibling = nullptr;
        a = meld(a, b);
      }
      a->sibling = pairs;
      pairs = a;
    }
    Operator* result = nullptr;
    while (pairs != nullptr) {
      Operator* next = pairs->sibling;
      pairs->sibling = nullptr;
      result = result == nullptr ? pairs : meld(result, pairs);
      pairs = next;
    }
    return result;
  }

  Operator* root_ = nullptr;
};

}  // namespace dora
