// A failure of the operator runtime in words, with its code of docs/errors.md.
//
// The runtime's own failures (a library that cannot be loaded, an operator that refused to start) have codes that no
// function of the C ABI returns, so they are not a Status. Failures of native/core and native/node pass through with
// the code of their Status.
#pragma once

#include <string>
#include <utility>

#include "core/status.h"

namespace dora {

struct RuntimeError {
  std::string code;
  std::string message;
  std::string hint;

  /// Always false, so that `return error->fail(...)` reads as what it is.
  bool fail(const char* new_code, std::string text, std::string what_to_do) {
    code = new_code;
    message = std::move(text);
    hint = std::move(what_to_do);
    return false;
  }
  bool fail(const Error& error) { return fail(status_code(error.status), error.message, error.hint); }
};

}  // namespace dora
