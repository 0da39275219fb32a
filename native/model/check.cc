// Explicit-state model checker for the shared-memory protocol of native/core (README.md here says what it covers).
//
//   check key=value...      keys as in config.h, e.g.  check edges=1 policy0=backpressure kill_subscriber=1
//   TRACE=1 check ...       also prints the steps that lead to a violation
//
// Prints one line: `ok`, `INCOMPLETE` (max_states reached) or `VIOLATION`, with the figures. Exit code 0, 3 or 1; 2 for
// arguments that make no sense. scripts/model.mjs runs it over runs.json and compares the figures.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "search.h"

namespace model {

Config config;

static const char* const kMistakes[] = {
#define DORA_MODEL_ENTRY(name) #name,
    DORA_MODEL_MISTAKES(DORA_MODEL_ENTRY)
#undef DORA_MODEL_ENTRY
};

struct Number {
  const char* key;
  int* value;
  int least, most;
};

static bool parse_number(const std::string& text, long long& value) {
  char* end = nullptr;
  value = strtoll(text.c_str(), &end, 10);
  return !text.empty() && *end == 0;
}

static std::string parse_policy(int edge, const std::string& value) {
  if (value != "drop" && value != "backpressure") return "a policy is drop or backpressure, not \"" + value + "\"";
  config.policy[edge] = value == "drop" ? Policy::kDropOldest : Policy::kBackpressure;
  return "";
}

static std::string parse_mistake(const std::string& value) {
  for (size_t i = 0; i < std::size(kMistakes); i++)
    if (value == kMistakes[i]) return config.mistake = Mistake(i), "";
  return "there is no mistake \"" + value + "\"; config.h lists them";
}

std::string parse_argument(const std::string& argument) {
  const size_t equals = argument.find('=');
  if (equals == std::string::npos) return "\"" + argument + "\" is not key=value";
  const std::string key = argument.substr(0, equals), value = argument.substr(equals + 1);
  if (key == "policy0" || key == "policy1") return parse_policy(key.back() - '0', value);
  if (key == "mistake") return parse_mistake(value);
  long long number = 0;
  if (!parse_number(value, number)) return "\"" + value + "\" (" + key + ") is not a number";
  if (key == "max_states") return config.max_states = uint64_t(number), "";
  const Number numbers[] = {
      {"edges", &config.edges, 1, kMaxEdges},
      {"same_process", &config.same_process, 0, 1},
      {"queue", &config.queue, 1, kMaxQueue},
      {"slots", &config.slots, 1, kMaxSlots},
      {"messages", &config.messages, 1, kMaxMessages},
      {"hold", &config.hold, 1, kMaxHeld},
      {"sweeper", &config.sweeper, 0, 1},
      {"kill_publisher", &config.kill_publisher, 0, kMaxIncarnations - 1},
      {"kill_subscriber", &config.kill_subscriber, 0, kMaxIncarnations - 1},
      {"kill_broker", &config.kill_broker, 0, 2},
      {"restart_publisher", &config.restart_publisher, 0, 1},
      {"restart_subscriber", &config.restart_subscriber, 0, 2},
      {"limit", &config.limit, -1, kMaxSlots},
      {"retain", &config.retain, 0, kMaxRetained},
      {"join", &config.join, 0, 1},
      {"announce", &config.announce, 0, 1},
      {"count", &config.count, 0, 1},
  };
  for (const Number& entry : numbers) {
    if (key != entry.key) continue;
    if (number < entry.least || number > entry.most)
      return key + " is from " + std::to_string(entry.least) + " to " + std::to_string(entry.most);
    *entry.value = int(number);
    return "";
  }
  return "there is no key \"" + key + "\"; config.h lists them";
}

}  // namespace model

int main(int count, char** values) {
  using namespace model;
  std::string arguments;
  for (int i = 1; i < count; i++) {
    const std::string problem = parse_argument(values[i]);
    if (!problem.empty()) return fprintf(stderr, "check: %s\n", problem.c_str()), 2;
    arguments += (i > 1 ? " " : "") + std::string(values[i]);
  }
  const auto start = std::chrono::steady_clock::now();
  const Result result = search();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto number = [](uint64_t value) { return static_cast<unsigned long long>(value); };
  if (!violation.empty()) {
    printf("VIOLATION [%s]: %s (%llu states)\n", arguments.c_str(), violation.c_str(), number(result.states));
    if (getenv("TRACE"))
      for (const char* label : result.trace) printf("  %s\n", label);
    return 1;
  }
  const char* verdict = result.complete ? "ok" : "INCOMPLETE";
  printf("%s [%s]: %llu states, %llu transitions, %llu last, depth %zu, %.1f s\n", verdict, arguments.c_str(),
         number(result.states), number(result.transitions), number(result.last_states), result.depth, seconds);
  return result.complete ? 0 : 3;
}
