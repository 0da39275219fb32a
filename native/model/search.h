// Visits every state that can be reached from the first one, depth first, and stops at the first violation.
//
// States are remembered by a 64-bit hash; the stack is the trace that is printed with a violation (TRACE=1). Called by
// check.cc for one run each.
#pragma once
#include <vector>

#include "steps.h"

namespace model {

struct Result {
  uint64_t states = 0, transitions = 0, last_states = 0;
  size_t depth = 0;
  bool complete = true;
  std::vector<const char*> trace;  ///< labels from the first state to the violation
};

Result search();

}  // namespace model
