// Opens an operator's library and checks that it is one, with a code and a way out for each way in which it is not.
//
// A library that was opened stays in the process: a thread or a thread-local destructor of it may outlive the operator,
// and its code must not vanish under them. Symbols are bound at once (a missing one is an error now, not a crash in the
// middle of a flight) and stay local to the library.
#pragma once

#include <string>

#include "dora/operator.h"
#include "operator/error.h"

namespace dora {

/// The entry of the library at `path` (absolute), for the operator `id`. False: `error` says why, by one of
/// OPERATOR_FILE_MISSING, OPERATOR_NOT_A_LIBRARY, OPERATOR_DEPENDENCY_MISSING, OPERATOR_UNDEFINED_SYMBOL,
/// OPERATOR_NO_ENTRY, OPERATOR_ABI_MISMATCH.
bool load_operator(const std::string& id, const std::string& path, const dora_operator_entry_t** entry,
                   RuntimeError* error);

/// The check of an entry's head alone; exported for its test.
bool check_operator_abi(const std::string& id, const std::string& path, const dora_operator_entry_t& entry,
                        RuntimeError* error);

}  // namespace dora
