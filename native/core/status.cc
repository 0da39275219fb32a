// Names of statuses and the words of a failed system call. See status.h.
#include "core/status.h"

#include <cerrno>
#include <cstring>

namespace dora {

const char* status_code(Status status) {
  switch (status) {
    case Status::ok: return "OK";
    case Status::empty: return "EMPTY";
    case Status::would_block: return "WOULD_BLOCK";
    case Status::timeout: return "TIMEOUT";
    case Status::invalid_argument: return "INVALID_ARGUMENT";
    case Status::shm_exhausted: return "SHM_EXHAUSTED";
    case Status::shm_corrupt: return "SHM_CORRUPT";
    case Status::too_large: return "TOO_LARGE";
    case Status::ended: return "ENDED";
    case Status::not_in_dataflow: return "NOT_IN_DATAFLOW";
    case Status::join_refused: return "JOIN_REFUSED";
    case Status::version_mismatch: return "VERSION_MISMATCH";
    case Status::os_error: return "OS_ERROR";
    case Status::unknown_output: return "UNKNOWN_OUTPUT";
    case Status::already_connected: return "ALREADY_CONNECTED";
    case Status::internal: return "INTERNAL";
    case Status::backpressure_cycle: return "BACKPRESSURE_CYCLE";
  }
  return "INTERNAL";
}

Status Error::fail_os(const char* call, std::string text) {
  os_errno = errno;
  op = call;
  status = Status::os_error;
  message = std::move(text) + ": " + call + ": " + strerror(os_errno);
  return status;
}

static void copy_words(char* out, size_t size, const std::string& text) {
  const size_t n = text.size() < size - 1 ? text.size() : size - 1;
  memcpy(out, text.data(), n);
  out[n] = 0;
}

int32_t to_c(Status status, const Error& error, dora_error_t* out) {
  if (out != nullptr && static_cast<int32_t>(status) < 0) {
    out->status = static_cast<int32_t>(status);
    out->os_errno = error.os_errno;
    copy_words(out->message, sizeof out->message, error.message);
    copy_words(out->hint, sizeof out->hint, error.hint);
  }
  return static_cast<int32_t>(status);
}

}  // namespace dora
