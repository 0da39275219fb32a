// What the tests of operators share: a broker, a runtime node whose operators are lambdas of the test, and plain nodes
// around it.
//
// A Flow is one dataflow: declare operators and nodes, then go(). Operators run in library op_probe, which forwards to
// the handlers registered here by operator id. Handlers run on the runtime's workers; what they note is guarded by
// Notes. Every wait has a watchdog, none is an upper bound on speed.
#pragma once

#include <dlfcn.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "broker/broker.h"
#include "doctest/doctest.h"
#include "dora/operator.h"
#include "node/clock.h"
#include "node/node.h"
#include "operator/runtime.h"

namespace dora::test {

constexpr auto kPatience = std::chrono::seconds(30);

/// A file beside this test program, where CMakeLists.txt puts operators and peers.
inline std::string beside(const std::string& name) {
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  REQUIRE(size > 0);
  const std::string self(path, static_cast<size_t>(size));
  return self.substr(0, self.rfind('/') + 1) + name;
}
inline std::string library(const std::string& name) { return beside("lib" + name + ".so"); }

// ---- operators as lambdas ----

struct Handlers {
  std::function<int32_t(const dora_host_t*)> init;
  std::function<int32_t(const dora_host_t*, const dora_operator_event_t*)> on_event;
  std::function<void(const dora_host_t*)> destroy;
};

/// Handlers by operator id. Set before the runtime starts, read by its workers.
inline std::map<std::string, Handlers>& handlers() {
  static std::map<std::string, Handlers> all;
  return all;
}

struct ProbeHooks {
  int32_t (*init)(const dora_host_t*, void**);
  int32_t (*on_event)(const dora_host_t*, void*, const dora_operator_event_t*);
  void (*destroy)(const dora_host_t*, void*);
};

inline void hook_probe() {
  static const ProbeHooks hooks = {
      [](const dora_host_t* host, void** state) -> int32_t {
        Handlers& mine = handlers()[host->api->operator_id(host)];
        *state = &mine;
        return mine.init ? mine.init(host) : DORA_OK;
      },
      [](const dora_host_t* host, void* state, const dora_operator_event_t* event) -> int32_t {
        auto* mine = static_cast<Handlers*>(state);
        return mine->on_event ? mine->on_event(host, event) : DORA_OK;
      },
      [](const dora_host_t* host, void* state) {
        auto* mine = static_cast<Handlers*>(state);
        if (mine->destroy) mine->destroy(host);
      },
  };
  void* loaded = dlopen(library("op_probe").c_str(), RTLD_NOW | RTLD_LOCAL);
  REQUIRE_MESSAGE(loaded != nullptr, dlerror());
  auto** slot = static_cast<const ProbeHooks**>(dlsym(loaded, "probe_hooks"));
  REQUIRE(slot != nullptr);
  *slot = &hooks;
}

/// What happened, in order, from any thread.
class Notes {
 public:
  void add(const std::string& text) {
    std::lock_guard guard(lock_);
    lines_.push_back(text);
    changed_.notify_all();
  }
  std::vector<std::string> all() {
    std::lock_guard guard(lock_);
    return lines_;
  }
  std::string text() {
    std::string joined;
    for (const std::string& line : all()) joined += (joined.empty() ? "" : " ") + line;
    return joined;
  }
  void wait_for(size_t count) {
    std::unique_lock guard(lock_);
    const bool came = changed_.wait_for(guard, kPatience, [&] { return lines_.size() >= count; });
    REQUIRE_MESSAGE(came, "only " << lines_.size() << " of " << count << " notes came");
  }
  void clear() {
    std::lock_guard guard(lock_);
    lines_.clear();
  }

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

/// A gate that operators wait at until the test opens it.
class Gate {
 public:
  void open() {
    std::lock_guard guard(lock_);
    open_ = true;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock guard(lock_);
    arrived_++;
    changed_.notify_all();
    REQUIRE(changed_.wait_for(guard, kPatience, [&] { return open_; }));
  }
  void wait_arrived() {
    std::unique_lock guard(lock_);
    REQUIRE(changed_.wait_for(guard, kPatience, [&] { return arrived_ > 0; }));
  }

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  bool open_ = false;
  int arrived_ = 0;
};

// ---- a dataflow ----

struct In {
  std::string id;
  std::string source;  ///< "node/output", "local/operator/output" within the runtime, or "every/<ns>" for a timer
  uint32_t queue_size = 10;
  Policy policy = Policy::drop_oldest;
  uint32_t priority = 0;
  uint64_t timeout_ns = 0;
};
constexpr Policy kPaced = Policy::backpressure;

class Flow {
 public:
  explicit Flow(uint64_t memory = 256 << 20) {
    handlers().clear();
    hook_probe();
    REQUIRE(mkdtemp(folder_) != nullptr);
    BrokerOptions options;
    options.runtime_folder = folder_;
    options.memory_limit = memory;
    REQUIRE_MESSAGE(Broker::create(options, &broker, &error) == Status::ok, error.message);
    runtime_node_.dataflow = "flow";
    runtime_node_.node = "runtime";
  }
  ~Flow() {
    runtime.reset();
    nodes.clear();
    broker.reset();
    CHECK(system((std::string("rm -r ") + folder_).c_str()) == 0);
  }
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;

  /// An operator whose functions are the test's.
  void op(const std::string& id, std::vector<In> inputs, std::vector<std::string> outputs, Handlers mine,
          uint8_t priority = 0) {
    handlers()[id] = std::move(mine);
    library_op(id, library("op_probe"), std::move(inputs), std::move(outputs), priority);
  }
  void library_op(const std::string& id, const std::string& path, std::vector<In> inputs,
                  std::vector<std::string> outputs, uint8_t priority = 0) {
    OperatorSpec spec{id, path, priority, {}, outputs};
    for (const In& in : inputs) {
      spec.inputs.push_back(in.id);
      runtime_node_.inputs.push_back(input_of(id + "/" + in.id, in));
    }
    for (const std::string& output : outputs) runtime_node_.outputs.push_back({id + "/" + output, 0});
    specs.push_back(std::move(spec));
  }
  /// A node of its own, driven by the test. Sources of the runtime are "runtime/<operator>/<output>".
  void node(const std::string& id, std::vector<In> inputs, std::vector<std::string> outputs) {
    BrokerNode node;
    node.dataflow = "flow";
    node.node = id;
    for (const In& in : inputs) node.inputs.push_back(input_of(in.id, in));
    for (const std::string& output : outputs) node.outputs.push_back({output, 0});
    declared_.push_back(std::move(node));
  }

  /// Tells the broker; returns the runtime node's configuration.
  std::string announce() {
    std::vector<BrokerNode> all = declared_;
    all.push_back(runtime_node_);
    std::vector<std::string> tokens;
    REQUIRE_MESSAGE(broker->add_nodes(all, &tokens, &error) == Status::ok, error.message);
    for (std::string& token : tokens) token = broker->node_config(token);
    for (size_t i = 0; i + 1 < all.size(); i++) {
      std::unique_ptr<Node> joined;
      REQUIRE_MESSAGE(Node::connect({tokens[i], nullptr}, &joined, &error) == Status::ok, error.message);
      nodes[all[i].node] = std::move(joined);
    }
    return tokens.back();
  }
  /// Starts everything and waits until the dataflow runs.
  void go(uint32_t threads = 1) {
    start(announce(), threads);
    // All of them take part in the start, so none may wait for it alone.
    for (auto& [id, node] : nodes) {
      while (!node->started()) {
        for (auto& [other_id, other] : nodes) {
          pollfd readable{other->control_fd(), POLLIN, 0};
          if (poll(&readable, 1, 1) > 0) other->awake(false, true);
        }
      }
    }
  }
  void start(const std::string& config, uint32_t threads = 1) {
    RuntimeOptions options;
    options.node.config = config;
    options.node.clock = clock;
    for (const OperatorSpec& spec : specs) options.operators.add(spec);
    options.threads = threads;
    options.on_end = [this](const RuntimeError* why) {
      std::lock_guard guard(lock_);
      if (why != nullptr) failure_ = *why;
      ended_ = true;
      changed_.notify_all();
    };
    runtime = Runtime::start(std::move(options));
  }
  /// Waits for the runtime's end: nothing, or why it failed.
  std::optional<RuntimeError> end() {
    std::unique_lock guard(lock_);
    REQUIRE_MESSAGE(changed_.wait_for(guard, kPatience, [&] { return ended_; }), "the runtime does not end");
    return failure_;
  }
  std::optional<RuntimeError> stop() {
    runtime->stop();
    return end();
  }
  bool has_ended() {
    std::lock_guard guard(lock_);
    return ended_;
  }

  /// Sends from a node of the test, waiting for room.
  void send(const std::string& id, const std::string& text, uint32_t output = 0) {
    Node& node = *nodes[id];
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      const Status s = node.send_copy(output, text.data(), text.size(), SendArgs{}, nullptr, &error);
      if (s == Status::ok) return;
      REQUIRE_MESSAGE(s == Status::would_block, error.message);
      // Not wait_room(): it waits for half of the queue, which this very test may have to make room in.
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      REQUIRE(std::chrono::steady_clock::now() < give_up);
    }
  }
  /// The next event of a node of the test.
  Event take(const std::string& id) {
    Event event;
    for (int i = 0; i < 100000; i++) {
      if (nodes[id]->take(&event) == Status::ok) return event;
      if (nodes[id]->wait(std::chrono::nanoseconds(kPatience).count()) == Status::timeout) break;
    }
    FAIL("no event came to " << id);
    return event;
  }
  /// The next message of a node of the test, as text.
  std::string take_text(const std::string& id) {
    const Event event = take(id);
    REQUIRE(event.type == EventType::input);
    std::string text(reinterpret_cast<const char*>(event.sample.data), event.sample.size);
    nodes[id]->release(event.sample);
    return text;
  }
  /// What the broker counts of the runtime's input `operator/id`.
  InputCounts input_counts(const std::string& input) {
    for (const NodeCounts& node : broker->counts("flow")) {
      if (node.node != "runtime") continue;
      for (const InputCounts& one : node.inputs) {
        if (one.id == input) return one;
      }
    }
    FAIL("the broker knows no input " << input);
    return {};
  }
  /// received, dropped of it.
  std::pair<uint64_t, uint64_t> counts(const std::string& input) {
    const InputCounts counts = input_counts(input);
    return {counts.received, counts.dropped};
  }

  std::unique_ptr<Broker> broker;
  std::map<std::string, std::unique_ptr<Node>> nodes;
  std::unique_ptr<Runtime> runtime;
  std::vector<OperatorSpec> specs;
  Clock* clock = nullptr;  ///< the runtime's
  Error error;

 private:
  static BrokerInput input_of(const std::string& id, const In& in) {
    BrokerInput input;
    input.id = id;
    input.source_text = in.source;
    input.queue_size = in.queue_size;
    input.policy = in.policy;
    input.priority = in.priority;
    input.timeout_ns = in.timeout_ns;
    const size_t slash = in.source.find('/');
    const std::string first = in.source.substr(0, slash), rest = in.source.substr(slash + 1);
    if (first == "every") {
      input.kind = wire::InputKind::timer;
      input.period_ns = std::stoull(rest);
    } else if (first == "local") {
      input.kind = wire::InputKind::local;
      input.source_output = rest;
    } else {
      input.source_node = first;
      input.source_output = rest;
    }
    return input;
  }

  char folder_[40] = "/tmp/dora-operator-test-XXXXXX";
  BrokerNode runtime_node_;
  std::vector<BrokerNode> declared_;
  std::mutex lock_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::optional<RuntimeError> failure_;
};

// ---- small operators ----

inline std::string text_of(const dora_operator_event_t* event) {
  return {reinterpret_cast<const char*>(event->data), event->size};
}

inline int32_t send_text(const dora_host_t* host, uint32_t output, const std::string& text) {
  return host->api->send_copy(host, output, text.data(), text.size(), DORA_ENCODING_UTF8, nullptr, 0, nullptr);
}

/// Sends what it receives to output 0.
inline Handlers forwarder() {
  return {{},
          [](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
            return event->type == DORA_EVENT_INPUT ? send_text(host, 0, text_of(event)) : DORA_OK;
          },
          {}};
}

/// Notes the text of each message.
inline Handlers collector(Notes* notes) {
  return {{},
          [notes](const dora_host_t*, const dora_operator_event_t* event) -> int32_t {
            if (event->type == DORA_EVENT_INPUT) notes->add(text_of(event));
            return DORA_OK;
          },
          {}};
}

}  // namespace dora::test
