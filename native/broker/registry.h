// Announced nodes: checking what the daemon declares, tokens, wiring inputs to outputs, forgetting.
//
// Everything is checked before anything is changed, so that a refused announcement leaves no trace. A node is announced
// again after each death; it then keeps its edges, counts and place, and gets a new token. Tokens are 32 random bytes,
// work once, and are void as soon as their node has ended.
#pragma once

#include <string>
#include <vector>

#include "broker/hub.h"

namespace dora::broker {

/// Slots that a receiver may hold beyond its queue: enough for a consumer that works on a batch and keeps a few
/// samples, while one that never releases can take no more than this from the publisher's pool.
constexpr uint32_t kHoldLimit = 16;

Status add_nodes(Hub* hub, const std::vector<BrokerNode>& nodes, std::vector<std::string>* tokens_hex, Error* error);
/// The token of an announced node that nobody has joined as yet, for a member in this process.
Status claim_node(Hub* hub, const std::string& dataflow, const std::string& node, std::string* token_hex, Error* error);
Node* find_node(Hub* hub, const std::string& dataflow, const std::string& node);
void void_token(Hub* hub, Node* node);
/// The Output packet of a node's output, for the edges known now.
wire::Output describe_output(const Hub& hub, const Node& node, uint32_t output);
wire::Input describe_input(const Node& node, uint32_t input);

}  // namespace dora::broker
