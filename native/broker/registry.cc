// Announcing nodes. See registry.h.
#include "broker/registry.h"

#include <sys/random.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "broker/edges.h"

namespace dora::broker {
namespace {

constexpr size_t kMaxId = 1024;  // bytes; several of them fit into a packet
constexpr uint32_t kMinSlots = 1024;
constexpr uint32_t kMaxSlots = 1u << 22;
constexpr uint32_t kSpareSlots =
    256;  // loans, operators of the process, joiners that were not known when the process started

using Nodes = std::map<std::string, const BrokerNode*>;
/// Outputs by id, for nodes that have thousands; the first of those with one name.
using OutputIndex = std::unordered_map<std::string_view, uint32_t>;

OutputIndex index_outputs(const BrokerNode& node) {
  OutputIndex index;
  for (uint32_t i = 0; i < node.outputs.size(); i++) index.emplace(node.outputs[i].id, i);
  return index;
}

Status bad(Error* error, const BrokerNode& node, const std::string& text, const std::string& hint = {}) {
  return error->fail(Status::invalid_argument,
                     "node \"" + node.node + "\" of dataflow \"" + node.dataflow + "\": " + text, hint);
}

bool good_id(const std::string& id) { return !id.empty() && id.size() <= kMaxId; }

bool has_output(const BrokerNode& node, const std::string& id) {
  return std::any_of(node.outputs.begin(), node.outputs.end(), [&](const BrokerOutput& o) { return o.id == id; });
}

/// "It has: depth, image." for a name that is not there.
template <class List>
std::string known(const List& list) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : ", ") + item.id;
  return text.empty() ? "It declares none." : "It declares: " + text + ".";
}

Status check_input(const BrokerNode& node, const OutputIndex& own_outputs, const BrokerInput& input, const Nodes& nodes,
                   Error* error) {
  if (!good_id(input.id))
    return bad(error, node, "an input's id is empty or longer than " + std::to_string(kMaxId) + " bytes");
  const std::string where = "input \"" + input.id + "\": ";
  if (input.queue_size < 1 || input.queue_size > kMaxQueueSize) {
    return bad(error, node, where + "queue_size is " + std::to_string(input.queue_size),
               "It is 1 to " + std::to_string(kMaxQueueSize) + ".");
  }
  if (input.source_text.size() > 4 * kMaxId) return bad(error, node, where + "the source's text is too long");
  switch (input.kind) {
    case wire::InputKind::timer:
      if (input.period_ns == 0) return bad(error, node, where + "a timer needs a period above 0");
      return Status::ok;
    case wire::InputKind::local:
      if (own_outputs.contains(input.source_output)) return Status::ok;
      return bad(error, node, where + "this node has no output \"" + input.source_output + "\"", known(node.outputs));
    case wire::InputKind::edge: {
      const auto source = nodes.find(input.source_node);
      if (source == nodes.end()) {
        return bad(error, node, where + "there is no node \"" + input.source_node + "\" in this dataflow",
                   "Announce a source before its subscribers, or in the same call.");
      }
      if (has_output(*source->second, input.source_output)) return Status::ok;
      return bad(error, node,
                 where + "node \"" + input.source_node + "\" has no output \"" + input.source_output + "\"",
                 known(source->second->outputs));
    }
  }
  return bad(error, node, where + "its kind is unknown");
}

Status check_node(const BrokerNode& node, const Nodes& nodes, Error* error) {
  std::set<std::string> ids;
  const OutputIndex outputs = index_outputs(node);
  uint32_t edges = 0;
  for (const BrokerInput& input : node.inputs) {
    if (Status s = check_input(node, outputs, input, nodes, error); s != Status::ok) return s;
    if (!ids.insert(input.id).second) return bad(error, node, "input \"" + input.id + "\" is declared twice");
    if (input.kind == wire::InputKind::edge) edges++;
  }
  if (edges > kMaxInputs) {
    return bad(error, node,
               "it has " + std::to_string(edges) + " inputs from other nodes, at most " + std::to_string(kMaxInputs) +
                   " are possible",
               "Split the node, or merge outputs of its sources.");
  }
  ids.clear();
  for (const BrokerOutput& output : node.outputs) {
    if (!good_id(output.id))
      return bad(error, node, "an output's id is empty or longer than " + std::to_string(kMaxId) + " bytes");
    if (!ids.insert(output.id).second) return bad(error, node, "output \"" + output.id + "\" is declared twice");
    if (output.retain > kMaxQueueSize) {
      return bad(error, node, "output \"" + output.id + "\": retain is " + std::to_string(output.retain),
                 "It is 0 to " + std::to_string(kMaxQueueSize) + ".");
    }
  }
  return Status::ok;
}

/// A node that comes back must be the one its peers know.
Status check_return(const Node& old, const BrokerNode& node, Error* error) {
  if (!old.ended) {
    return bad(error, node, "it is announced already and has not ended",
               "Node ids are unique in a dataflow; report its end first (node_ended).");
  }
  const auto same_input = [](const BrokerInput& a, const BrokerInput& b) {
    // Its queue may still hold entries of the life before, so it stays as it was too.
    return a.id == b.id && a.kind == b.kind && a.source_node == b.source_node && a.source_output == b.source_output &&
           a.queue_size == b.queue_size && a.policy == b.policy;
  };
  const auto same_output = [](const BrokerOutput& a, const BrokerOutput& b) { return a.id == b.id; };
  const auto& was = old.spec;
  if (!std::equal(was.inputs.begin(), was.inputs.end(), node.inputs.begin(), node.inputs.end(), same_input) ||
      !std::equal(was.outputs.begin(), was.outputs.end(), node.outputs.begin(), node.outputs.end(), same_output)) {
    return bad(error, node, "it comes back with other inputs or outputs than it had",
               "Remove the dataflow and start it anew.");
  }
  return Status::ok;
}

Status check_all(Hub* hub, const std::vector<BrokerNode>& added, Error* error) {
  std::map<std::string, Nodes> dataflows;
  for (const BrokerNode& node : added) {
    if (!good_id(node.dataflow))
      return bad(error, node, "the dataflow's id is empty or longer than " + std::to_string(kMaxId) + " bytes");
    if (!good_id(node.node))
      return bad(error, node, "its id is empty or longer than " + std::to_string(kMaxId) + " bytes");
    if (!dataflows[node.dataflow].emplace(node.node, &node).second)
      return bad(error, node, "it is announced twice in one call");
  }
  for (auto& [name, nodes] : dataflows) {
    const auto existing = hub->dataflows.find(name);
    if (existing == hub->dataflows.end()) continue;
    for (const auto& node : existing->second->nodes) nodes.emplace(node->spec.node, &node->spec);
  }
  for (const BrokerNode& node : added) {
    if (Status s = check_node(node, dataflows[node.dataflow], error); s != Status::ok) return s;
    const Node* old = find_node(hub, node.dataflow, node.node);
    if (old == nullptr) continue;
    if (Status s = check_return(*old, node, error); s != Status::ok) return s;
  }
  return Status::ok;
}

Node* insert_node(Hub* hub, const BrokerNode& spec) {
  auto& dataflow = hub->dataflows[spec.dataflow];
  if (dataflow == nullptr) {
    dataflow = std::make_unique<Dataflow>();
    dataflow->name = spec.dataflow;
  }
  auto node = std::make_unique<Node>();
  node->spec = spec;
  node->dataflow = dataflow.get();
  node->in.resize(spec.inputs.size());
  node->local_output.resize(spec.inputs.size());
  node->out.resize(spec.outputs.size());
  node->local_queues.resize(spec.outputs.size());
  node->received.resize(spec.inputs.size());
  node->dropped.resize(spec.inputs.size());
  node->sent.resize(spec.outputs.size());
  node->bytes.resize(spec.outputs.size());
  dataflow->by_name[spec.node] = node.get();
  dataflow->nodes.push_back(std::move(node));
  return dataflow->nodes.back().get();
}

uint32_t output_index(const Node& node, const std::string& id) {
  const auto& outputs = node.spec.outputs;
  const auto found = std::find_if(outputs.begin(), outputs.end(), [&](const BrokerOutput& o) { return o.id == id; });
  return static_cast<uint32_t>(found - outputs.begin());
}

void wire_inputs(Hub* hub, Node* node) {
  const OutputIndex own_outputs = index_outputs(node->spec);
  uint32_t bit = 0;
  for (uint32_t i = 0; i < node->spec.inputs.size(); i++) {
    const BrokerInput& input = node->spec.inputs[i];
    if (input.kind == wire::InputKind::local) {
      node->local_output[i] = own_outputs.find(input.source_output)->second;
      node->local_queues[node->local_output[i]] += input.queue_size;
    }
    if (input.kind != wire::InputKind::edge) continue;
    Node* source = node->dataflow->by_name.find(input.source_node)->second;
    auto edge = std::make_unique<Edge>();
    edge->id = hub->new_id();
    edge->publisher = source;
    edge->subscriber = node;
    edge->output = output_index(*source, input.source_output);
    edge->input = i;
    edge->input_bit = bit++;
    const Process* process = source->process.get();
    if (source->gone) {
      edge->close_reason = source->gone_reason;
    } else if (process != nullptr && !source->ended && process->output_closed[edge->output]) {
      edge->close_reason = DORA_REASON_ENDED;
    }
    node->in[i] = edge.get();
    source->out[edge->output].push_back(edge.get());
    node->dataflow->edges.push_back(std::move(edge));
  }
}

std::string to_hex(const std::string& bytes) {
  static const char digits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += digits[static_cast<uint8_t>(c) >> 4];
    hex += digits[static_cast<uint8_t>(c) & 15];
  }
  return hex;
}

}  // namespace

Node* find_node(Hub* hub, const std::string& dataflow, const std::string& node) {
  const auto flow = hub->dataflows.find(dataflow);
  if (flow == hub->dataflows.end()) return nullptr;
  const auto found = flow->second->by_name.find(node);
  return found == flow->second->by_name.end() ? nullptr : found->second;
}

void void_token(Hub* hub, Node* node) {
  hub->tokens.erase(node->token);
  node->token.clear();
}

Status add_nodes(Hub* hub, const std::vector<BrokerNode>& nodes, std::vector<std::string>* tokens_hex, Error* error) {
  tokens_hex->clear();
  if (Status s = check_all(hub, nodes, error); s != Status::ok) return s;
  std::vector<std::string> tokens(nodes.size(), std::string(wire::kTokenSize, '\0'));
  for (std::string& token : tokens) {
    if (getrandom(token.data(), token.size(), 0) != static_cast<ssize_t>(token.size()))
      return error->fail_os("getrandom", "cannot make a token");
  }
  // From here on nothing fails. New nodes first, then their edges: they may subscribe to each other in any order.
  std::vector<Node*> fresh;
  for (size_t i = 0; i < nodes.size(); i++) {
    Node* node = find_node(hub, nodes[i].dataflow, nodes[i].node);
    if (node == nullptr) {
      node = insert_node(hub, nodes[i]);
      fresh.push_back(node);
    } else {
      node->spec = nodes[i];
      announce_return(node);
    }
    node->account.limit =
        nodes[i].memory_limit != 0 ? std::min(nodes[i].memory_limit, hub->budget.limit()) : hub->budget.limit();
    node->ended = node->gone = false;
    node->stop.reset();
    void_token(hub, node);
    node->token = tokens[i];
    hub->tokens[tokens[i]] = node;
    tokens_hex->push_back(to_hex(tokens[i]));
  }
  for (Node* node : fresh) wire_inputs(hub, node);
  return Status::ok;
}

Status claim_node(Hub* hub, const std::string& dataflow, const std::string& name, std::string* token_hex,
                  Error* error) {
  Node* node = find_node(hub, dataflow, name);
  if (node == nullptr || node->token.empty()) {
    return error->fail(Status::join_refused,
                       "node \"" + name + "\" of dataflow \"" + dataflow + "\" " +
                           (node == nullptr ? "is not announced" : "was joined already, or has ended"),
                       "The daemon announces a node that runs elsewhere as it does its own, and starts no process.");
  }
  node->spec.embedded = true;
  *token_hex = to_hex(node->token);
  return Status::ok;
}

wire::Input describe_input(const Node& node, uint32_t index) {
  const BrokerInput& spec = node.spec.inputs[index];
  wire::Input input;
  input.id = spec.id;
  if (spec.kind != wire::InputKind::local) input.source = spec.source_text;
  input.kind = static_cast<uint16_t>(spec.kind);
  input.policy = static_cast<uint16_t>(spec.policy);
  input.queue_size = spec.queue_size;
  input.bit = node.in[index] != nullptr ? node.in[index]->input_bit : 0;
  input.priority = spec.priority;
  input.period_ns = spec.period_ns;
  input.local_output = node.local_output[index];
  input.timeout_ns = spec.timeout_ns;
  return input;
}

wire::Output describe_output(const Hub& hub, const Node& node, uint32_t index) {
  const BrokerOutput& spec = node.spec.outputs[index];
  const uint64_t local_queues = node.local_queues[index];
  uint64_t slots = uint64_t{spec.retain} + kSpareSlots + local_queues;
  for (const Edge* edge : node.out[index]) slots += edge->subscriber->spec.inputs[edge->input].queue_size + kHoldLimit;
  slots = std::clamp<uint64_t>((slots + 63) / 64 * 64, kMinSlots, kMaxSlots);
  // Private memory will do for an output that only this process reads. Anybody may join late elsewhere, so this is for
  // those outputs of runtime nodes alone that feed operators beside them and nobody else.
  wire::Output output;
  output.id = spec.id;
  output.external = local_queues == 0 || !node.out[index].empty() || spec.retain > 0 ? 1 : 0;
  output.retain = spec.retain;
  output.max_slots = static_cast<uint32_t>(slots);
  output.map_bytes = round_to_page(std::min(hub.budget.limit(), node.account.limit));
  return output;
}

}  // namespace dora::broker
