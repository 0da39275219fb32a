// Life of an operator runtime. See runtime.h.
#include "operator/runtime.h"

#include <malloc.h>

#include <algorithm>
#include <thread>
#include <unordered_map>

#include "operator/crash.h"
#include "operator/host.h"
#include "operator/loader.h"
#include "operator/log.h"
#include "operator/scheduler.h"

namespace dora {

struct Runtime::Impl {
  explicit Impl(RuntimeOptions given) : options(std::move(given)), scheduler(options.operators, host_api()) {}

  void run();
  bool run_all(RuntimeError* error, CrashScope* crash);
  bool load(RuntimeError* error);
  bool init(RuntimeError* error, CrashScope* crash);
  bool join(RuntimeError* error);
  void destroy_all(CrashScope* crash);

  RuntimeOptions options;
  Scheduler scheduler;
  uint32_t initialized = 0;  // the first so many operators
  std::unique_ptr<Node> node;
  std::thread thread;
};

Runtime::Runtime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

std::unique_ptr<Runtime> Runtime::start(RuntimeOptions options) {
  std::unique_ptr<Runtime> runtime(new Runtime(std::make_unique<Impl>(std::move(options))));
  Impl* impl = runtime->impl_.get();
  impl->thread = std::thread([impl] { impl->run(); });
  return runtime;
}

Runtime::~Runtime() {
  stop();
  impl_->thread.join();
}

void Runtime::stop() { impl_->scheduler.stop(DORA_REASON_USER, 0); }

void Runtime::Impl::run() {
  RuntimeError error;
  bool good;
  {
    CrashScope crash;
    good = run_all(&error, &crash);
  }
  if (node != nullptr) node->close();
  if (options.on_end) options.on_end(good ? nullptr : &error);
}

bool Runtime::Impl::run_all(RuntimeError* error, CrashScope* crash) {
  Error os;
  if (scheduler.check(&os) != Status::ok) return error->fail(os);
  if (!load(error)) return false;
  if (!init(error, crash) || !join(error)) {
    destroy_all(crash);
    return false;
  }
  scheduler.wait_started();
  scheduler.run(std::clamp(options.threads, 1u, kMostThreads), crash);
  if (scheduler.failure().code.empty()) return true;
  *error = scheduler.failure();
  return false;
}

bool Runtime::Impl::load(RuntimeError* error) {
  // Each library once, by its path's place in the list.
  std::unordered_map<const char*, const dora_operator_entry_t*> loaded;
  for (uint32_t i = 0; i < scheduler.count(); i++) {
    const OperatorList::Entry entry = options.operators.at(i);
    const dora_operator_entry_t*& known = loaded[entry.library];
    if (known == nullptr && !load_operator(entry.id, entry.library, &known, error)) return false;
    scheduler.at(i)->entry = known;
  }
  return true;
}

bool Runtime::Impl::init(RuntimeError* error, CrashScope* crash) {
  for (; initialized < scheduler.count(); initialized++) {
    Operator* op = scheduler.at(initialized);
    if (op->entry->init == nullptr) continue;
    crash->enter(op, "init");
    const int32_t status = op->entry->init(&op->host, &op->state);
    crash->leave();
    if (status >= 0) continue;
    return error->fail(
        "OPERATOR_INIT_FAILED",
        "operator \"" + std::string(op->id) + "\" refused to start: init returned " + status_text(status),
        "See what it logged before; its library is " + std::string(options.operators.at(initialized).library) + ".");
  }
  return true;
}

bool Runtime::Impl::join(RuntimeError* error) {
  options.operators.keep_texts();
  Error why;
  if (Node::connect(options.node, &node, &why) != Status::ok) return error->fail(why);
  if (!scheduler.attach(node.get(), error)) return false;
#ifdef __GLIBC__
  // What reading, loading and joining thousands of operators needed for a moment goes back to the system.
  malloc_trim(0);
#endif
  return true;
}

/// For a runtime that did not come to run: those that were initialized.
void Runtime::Impl::destroy_all(CrashScope* crash) {
  for (uint32_t i = 0; i < initialized; i++) {
    Operator* op = scheduler.at(i);
    if (op->entry->destroy == nullptr) continue;
    crash->enter(op, "destroy");
    op->entry->destroy(&op->host, op->state);
    crash->leave();
  }
}

}  // namespace dora
