// What functions of the native parts return, and a failure in words.
//
// No exception leaves any native function. A Status is one of the DORA_* values of dora/types.h as a scoped enum, so
// that a C++ caller cannot confuse it with a count; Error carries the words for people. Functions that can fail on
// ordinary paths (empty, would_block) take no Error; functions that fail only for reasons a person must read take
// `Error*` (never null inside native/).
#pragma once

#include <cstdint>
#include <string>

#include "dora/types.h"

namespace dora {

enum class Status : int32_t {
  ok = DORA_OK,
  empty = DORA_EMPTY,
  would_block = DORA_WOULD_BLOCK,
  timeout = DORA_TIMEOUT,
  invalid_argument = DORA_INVALID_ARGUMENT,
  shm_exhausted = DORA_SHM_EXHAUSTED,
  shm_corrupt = DORA_SHM_CORRUPT,
  too_large = DORA_TOO_LARGE,
  ended = DORA_ENDED,
  not_in_dataflow = DORA_NOT_IN_DATAFLOW,
  join_refused = DORA_JOIN_REFUSED,
  version_mismatch = DORA_VERSION_MISMATCH,
  os_error = DORA_OS_ERROR,
  unknown_output = DORA_UNKNOWN_OUTPUT,
  already_connected = DORA_ALREADY_CONNECTED,
  internal = DORA_INTERNAL,
  backpressure_cycle = DORA_BACKPRESSURE_CYCLE,
};

/// The code of docs/errors.md for a status, such as "SHM_EXHAUSTED".
const char* status_code(Status status);

/// A failure for people: what happened (message), what to do (hint), and the errno and system call where there was one.
struct Error {
  Status status = Status::ok;
  int os_errno = 0;
  std::string op;
  std::string message;
  std::string hint;

  Status fail(Status s, std::string text, std::string what_to_do = {}) {
    status = s;
    message = std::move(text);
    hint = std::move(what_to_do);
    return s;
  }
  /// A failed system call: keeps errno and appends its text.
  Status fail_os(const char* call, std::string text);
};

/// What a function of a C API returns. Fills `out` (may be null) when it is a failure.
int32_t to_c(Status status, const Error& error, dora_error_t* out);

}  // namespace dora
