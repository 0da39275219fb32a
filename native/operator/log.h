// Lines that the operator runtime and its operators write to stderr, from where the daemon takes them.
//
// One write() a line, so that lines of several workers do not mix. Form: `error CODE text` and `  hint: …` for the
// runtime, `level operator: text` for an operator. Callers: scheduler, host.
#pragma once

#include <cstdint>
#include <string>

#include "core/status.h"
#include "dora/operator.h"

namespace dora {

void log_runtime(const char* level, const std::string& text);
void log_runtime(const char* level, const Error& error);
/// What an operator said. level: DORA_LOG_*.
void log_operator(const char* id, uint32_t level, const char* text);

/// For people: "SHM_EXHAUSTED (-2)", or "-77" for a status of the operator's own.
std::string status_text(int32_t status);
/// For people: `a message of input "image"`.
std::string event_text(const dora_operator_event_t& event);
/// The same without the input's id, terminated, for signal handlers.
const char* event_words(uint32_t type);

}  // namespace dora
