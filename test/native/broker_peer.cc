// A broker in a process of its own, which broker_kill_test kills at a labelled step (core/step.h).
//
//   broker_peer FOLDER     announces "p" with output "x" and "s" with its input "in" from that, prints what each joins
//                          with, a line each; then does what its input says, a line each:
//   restart s              "s" has been killed and comes back: prints what it joins with
//   stop                   both are to stop
//   ended p                "p" has ended and does not come back
// and ends in order with its input.
#include <stdio.h>
#include <string.h>

#include <memory>
#include <string>

#include "broker/broker.h"

using namespace dora;

namespace {

BrokerNode publisher() {
  BrokerNode node;
  node.dataflow = "flow";
  node.node = "p";
  node.outputs = {{"x", 0}};
  return node;
}

BrokerNode subscriber(uint32_t restart_count) {
  BrokerInput input;
  input.id = "in";
  input.source_node = "p";
  input.source_output = "x";
  input.source_text = "p/x";
  input.policy = Policy::backpressure;
  input.queue_size = 4;
  BrokerNode node;
  node.dataflow = "flow";
  node.node = "s";
  node.restart_count = restart_count;
  node.inputs = {input};
  return node;
}

bool announce(Broker& broker, const std::vector<BrokerNode>& nodes) {
  std::vector<std::string> tokens;
  Error error;
  if (broker.add_nodes(nodes, &tokens, &error) != Status::ok) {
    fprintf(stderr, "broker_peer: %s\n", error.message.c_str());
    return false;
  }
  for (const std::string& token : tokens) printf("%s\n", broker.node_config(token).c_str());
  fflush(stdout);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  BrokerOptions options;
  options.runtime_folder = argv[1];
  options.memory_limit = 64 << 20;
  options.grace_ns = 2'000'000'000;
  std::unique_ptr<Broker> broker;
  Error error;
  if (Broker::create(options, &broker, &error) != Status::ok) {
    fprintf(stderr, "broker_peer: %s\n", error.message.c_str());
    return 1;
  }
  if (!announce(*broker, {publisher(), subscriber(0)})) return 1;
  char line[64];
  for (uint32_t restarts = 0; fgets(line, sizeof line, stdin) != nullptr;) {
    if (strcmp(line, "restart s\n") == 0) {
      broker->node_ended("flow", "s", false, true);
      if (!announce(*broker, {subscriber(++restarts)})) return 1;
    } else if (strcmp(line, "stop\n") == 0) {
      for (const char* node : {"p", "s"}) broker->stop_node("flow", node, DORA_REASON_USER, 0);
    } else if (strncmp(line, "ended ", 6) == 0) {
      broker->node_ended("flow", std::string(1, line[6]), true, false);
    } else {
      return 65;
    }
  }
  return 0;
}
