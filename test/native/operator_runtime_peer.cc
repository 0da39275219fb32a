// A runtime node as a process: `operator_runtime_peer CONFIG LIBRARY OPERATOR/INPUT[/OUTPUT]…`. Its operators have one
// input each, and at most one output. Ends with 0, or with 1 after it printed why.
#include <stdio.h>

#include <condition_variable>
#include <mutex>
#include <string>

#include "operator/runtime.h"

int main(int count, char** args) {
  if (count < 4) return 2;
  dora::RuntimeOptions options;
  options.node.config = args[1];
  for (int i = 3; i < count; i++) {
    const std::string words = args[i];
    const size_t input = words.find('/') + 1, output = words.find('/', input);
    dora::OperatorSpec spec{words.substr(0, input - 1), args[2], 0, {words.substr(input, output - input)}, {}};
    if (output != std::string::npos) spec.outputs.push_back(words.substr(output + 1));
    options.operators.add(spec);
  }
  std::mutex lock;
  std::condition_variable changed;
  bool ended = false;
  int code = 0;
  options.on_end = [&](const dora::RuntimeError* error) {
    std::lock_guard guard(lock);
    if (error != nullptr) {
      fprintf(stderr, "error %s %s\n  hint: %s\n", error->code.c_str(), error->message.c_str(), error->hint.c_str());
      code = 1;
    }
    ended = true;
    changed.notify_all();
  };
  auto runtime = dora::Runtime::start(std::move(options));
  {
    std::unique_lock guard(lock);
    changed.wait(guard, [&] { return ended; });
  }
  runtime.reset();
  return code;
}
