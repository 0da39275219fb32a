// The operator runtime of one process: loads operators, joins the dataflow, runs them to their end. The face of
// native/operator.
//
// It has a thread of its own (the first worker), so that whoever starts it, a JavaScript thread above all, is never
// blocked. Order: load every library, init every operator, then join: a slow init holds the dataflow's start, not its
// first messages. The process's node belongs to the runtime. Callers: native/addon/runtime.cc, C++ tests.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "node/node.h"
#include "operator/error.h"
#include "operator/spec.h"

namespace dora {

struct RuntimeOptions {
  NodeOptions node;
  OperatorList operators;
  uint32_t threads = 1;  ///< workers
  /// Called once, on the runtime's thread, as its last act: every operator has ended. Null: all is well; else why the
  /// runtime could not start, or the first operator that failed.
  std::function<void(const RuntimeError*)> on_end;
};

class Runtime {
 public:
  static constexpr uint32_t kMostThreads = 64;

  /// Returns at once; everything that can go wrong is told to on_end.
  static std::unique_ptr<Runtime> start(RuntimeOptions options);
  /// Stops and waits for the end: an operator that does not return holds it.
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// [any-thread] Every operator gets a stop event, then ends.
  void stop();

 private:
  struct Impl;
  explicit Runtime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dora
