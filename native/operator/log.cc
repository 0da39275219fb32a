// Lines on stderr. See log.h.
#include "operator/log.h"

#include <unistd.h>

namespace dora {
namespace {

void write_line(std::string line) {
  line += '\n';
  size_t done = 0;
  while (done < line.size()) {
    const ssize_t n = write(STDERR_FILENO, line.data() + done, line.size() - done);
    if (n <= 0) return;  // nobody reads it
    done += static_cast<size_t>(n);
  }
}

}  // namespace

void log_runtime(const char* level, const std::string& text) { write_line(std::string(level) + " " + text); }

void log_runtime(const char* level, const Error& error) {
  write_line(std::string(level) + " " + status_code(error.status) + " " + error.message +
             (error.hint.empty() ? "" : "\n  hint: " + error.hint));
}

void log_operator(const char* id, uint32_t level, const char* text) {
  static constexpr const char* kLevels[] = {"", "error", "warn", "info", "debug", "trace"};
  const char* name = level >= DORA_LOG_ERROR && level <= DORA_LOG_TRACE ? kLevels[level] : "info";
  write_line(std::string(name) + " " + id + ": " + (text == nullptr ? "" : text));
}

std::string status_text(int32_t status) {
  std::string number = std::to_string(status);
  if (status > DORA_TIMEOUT || status < DORA_INTERNAL) return number;
  return std::string(status_code(static_cast<Status>(status))) + " (" + number + ")";
}

const char* event_words(uint32_t type) {
  switch (type) {
    case DORA_EVENT_INPUT: return "a message of input";
    case DORA_EVENT_INPUT_CLOSED: return "the closing of input";
    case DORA_EVENT_INPUT_RECOVERED: return "the recovery of input";
    case DORA_EVENT_STOP: return "the stop event";
    case DORA_EVENT_START: return "the start event";
    default: return "an event";
  }
}

std::string event_text(const dora_operator_event_t& event) {
  std::string text = event_words(event.type);
  if (event.input_id[0] != '\0') text += " \"" + std::string(event.input_id) + "\"";
  return text;
}

}  // namespace dora
