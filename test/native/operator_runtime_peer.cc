// A runtime node as a process: `operator_runtime_peer CONFIG LIBRARY OPERATOR INPUT`. Its operator has one input and no
// output. Ends with 0, or with 1 after it printed why.
#include <stdio.h>

#include <condition_variable>
#include <mutex>

#include "operator/runtime.h"

int main(int count, char** args) {
  if (count != 5) return 2;
  dora::RuntimeOptions options;
  options.node.config = args[1];
  options.operators.push_back({args[3], args[2], 0, {args[4]}, {}});
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
