// The function table that operators are lent (dora_host_api_t): thin, typed at the edge, all rules are the scheduler's.
//
// One table for all operators of all runtimes; a dora_host_t is the first field of its Operator. Nothing an operator
// passes is trusted further than C allows: indices are checked, a loan that was sent already is refused.
#pragma once

#include "dora/operator.h"

namespace dora {

const dora_host_api_t* host_api();

}  // namespace dora
