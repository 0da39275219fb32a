// A broker in a folder of its own and nodes joined to it, all inside one test process. For tests of native/node.
#pragma once

#include <poll.h>
#include <stdlib.h>

#include <memory>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "doctest/doctest.h"
#include "node/clock.h"
#include "node/node.h"

namespace dora::test {

constexpr int64_t kWaitNs = 5'000'000'000;

inline BrokerInput edge_input(const char* id, const char* node, const char* output,
                              Policy policy = Policy::backpressure, uint32_t queue = 4) {
  BrokerInput input;
  input.id = id;
  input.source_node = node;
  input.source_output = output;
  input.source_text = std::string(node) + "/" + output;
  input.policy = policy;
  input.queue_size = queue;
  return input;
}

inline BrokerNode node_of(const char* id, std::vector<BrokerInput> inputs, std::vector<std::string> outputs,
                          uint32_t retain = 0) {
  BrokerNode node;
  node.dataflow = "flow";
  node.node = id;
  node.inputs = std::move(inputs);
  for (auto& output : outputs) node.outputs.push_back({output, retain});
  return node;
}

/// A broker in a folder of its own, and nodes that join it.
struct World {
  char folder[32] = "/tmp/dora-node-test-XXXXXX";
  std::unique_ptr<Broker> broker;
  Error error;

  explicit World(uint64_t memory = 64 << 20, bool nodes_outlive = false) {
    REQUIRE(mkdtemp(folder) != nullptr);
    BrokerOptions options;
    options.runtime_folder = folder;
    options.memory_limit = memory;
    options.nodes_outlive = nodes_outlive;
    REQUIRE_MESSAGE(Broker::create(options, &broker, &error) == Status::ok, error.message);
  }
  ~World() {
    broker.reset();
    const std::string command = std::string("rm -r ") + folder;
    CHECK(system(command.c_str()) == 0);
  }
  std::vector<std::string> add(const std::vector<BrokerNode>& nodes) {
    std::vector<std::string> tokens;
    REQUIRE_MESSAGE(broker->add_nodes(nodes, &tokens, &error) == Status::ok, error.message);
    for (auto& token : tokens) token = broker->node_config(token);
    return tokens;
  }
  std::unique_ptr<Node> join(const std::string& config, Clock* clock = nullptr) {
    std::unique_ptr<Node> node;
    const Status s = Node::connect({config, clock}, &node, &error);
    REQUIRE_MESSAGE(s == Status::ok, error.message);
    return node;
  }
  /// A publisher "a" with output "x" and a subscriber "b" with input "in", both started.
  void pair(std::unique_ptr<Node>* a, std::unique_ptr<Node>* b, Policy policy = Policy::backpressure,
            uint32_t queue = 4) {
    auto configs = add({node_of("a", {}, {"x"}), node_of("b", {edge_input("in", "a", "x", policy, queue)}, {})});
    *a = join(configs[0]);
    *b = join(configs[1]);
    REQUIRE((*a)->wait_start(&error) == Status::ok);
    REQUIRE((*b)->wait_start(&error) == Status::ok);
  }
};

/// Until all have started. In turns: each has to answer the broker before the others can start.
inline void start_all(const std::vector<Node*>& nodes) {
  bool all = false;
  for (int i = 0; i < 5000 && !all; i++) {
    all = true;
    for (Node* node : nodes) {
      pollfd readable{node->control_fd(), POLLIN, 0};
      if (!node->started() && poll(&readable, 1, 1) == 1) node->awake(false, true);
      all = all && node->started();
    }
  }
  REQUIRE(all);
}

/// The next event, waiting up to five seconds.
inline Event next(Node& node) {
  Event event;
  for (int i = 0; i < 1000; i++) {
    if (node.take(&event) == Status::ok) return event;
    if (node.wait(kWaitNs) == Status::timeout) break;
  }
  FAIL("no event came");
  return event;
}

inline Status send_text(Node& node, uint32_t output, const std::string& text, bool arm = false) {
  Error error;
  SendArgs args;
  args.encoding = DORA_ENCODING_UTF8;
  args.arm = arm;
  return node.send_copy(output, text.data(), text.size(), args, nullptr, &error);
}

inline std::string text_of(const Event& event) {
  return {reinterpret_cast<const char*>(event.sample.data), event.sample.size};
}

}  // namespace dora::test
