// The daemon's side of joining: one broker a machine (or a `dora run`), with a thread of its own.
//
// It listens on a unix socket in a folder that only its owner may enter, checks the peer's credentials (same uid) and
// token, makes inboxes, doorbells, ledgers and edge regions, hands them out in the order of PROTOCOL ("publisher first,
// then subscriber"), holds the memory budget, releases the start barrier, and tells its owner what happened. It is on
// no message's path: nodes go on when it dies.
//
// Threads: every method is [any-thread]; they post to the broker's thread or take its lock. Events are taken with
// next_event(); `notify` is called on the broker's thread whenever the event queue turns non-empty (the addon makes it
// wake the JS loop). The socket folder is removed by the destructor; after a kill -9 of the daemon, by the first node
// that notices, or by the next broker.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/layout.h"
#include "core/status.h"
#include "dora/bridge.h"
#include "node/wire.h"

namespace dora {

struct BrokerOptions {
  std::string runtime_folder;         ///< parent of the socket folder, such as $XDG_RUNTIME_DIR or /tmp; must exist
  uint64_t memory_limit = 0;          ///< bytes of shared memory for all nodes; 0: half of MemAvailable
  bool nodes_outlive = false;         ///< `dora up`: nodes go on without this broker
  uint64_t grace_ns = 5'000'000'000;  ///< for nodes that lost their broker and do not outlive it
  std::function<void()> notify;
};

struct BrokerInput {
  std::string id;
  wire::InputKind kind = wire::InputKind::edge;
  std::string source_node;    ///< edge: node of the same dataflow
  std::string source_output;  ///< edge and local: id of the output
  std::string source_text;    ///< for people
  uint64_t period_ns = 0;     ///< timer
  uint32_t queue_size = 10;
  Policy policy = Policy::drop_oldest;
  uint32_t priority = 0;
  uint64_t timeout_ns = 0;  ///< the input counts as closed after this long without a message; 0: never
};

struct BrokerOutput {
  std::string id;
  uint32_t retain = 0;
};

struct BrokerNode {
  std::string dataflow, node;
  uint32_t restart_count = 0;
  bool barrier = true;  ///< waits for Start: that of the dataflow, or, joining later (restarted), that its own edges
                        ///< are open. false: starts at once
  uint64_t memory_limit = 0;  ///< bytes; 0: the machine's
  bool lock_memory = false;   ///< the process keeps all its memory in RAM
  bool embedded = false;      ///< joined by a bridge in this process: over when it has hung up, for no process dies
  std::vector<BrokerInput> inputs;
  std::vector<BrokerOutput> outputs;
};

struct BrokerEvent {
  enum class Kind { joined, started, left, lost, request_stop, corrupt, refused, exhausted, unlocked } kind{};
  // joined:   the node's process is connected and Ready (pid)
  // started:  the barrier of `dataflow` was released
  // left:     the node said Bye;  lost: its socket closed or its process died without
  // corrupt:  `text` names the peer and the violation;  refused: somebody knocked with a bad token (text)
  // exhausted: a memory request was refused (text has the figures)
  // unlocked: the node could not lock its memory (text says why)
  std::string dataflow, node, text;
  int32_t pid = 0;
};

/// Exact counts of one input, its edge included. For inputs of edges: sent = received + dropped + in_flight + lost.
struct InputCounts {
  std::string id;
  std::string source;      ///< BrokerInput::source_text
  uint64_t sent = 0;       ///< put into this edge by its publisher
  uint64_t received = 0;   ///< claimed by the receiver (all incarnations)
  uint64_t dropped = 0;    ///< taken back by drop_oldest, or ticks missed
  uint64_t in_flight = 0;  ///< in the ring now
  uint64_t lost = 0;       ///< went down with a killed process
};
struct OutputCounts {
  std::string id;
  uint64_t sent = 0;  ///< messages published, whether or not anybody subscribed
  uint64_t bytes = 0;
};
struct NodeCounts {
  std::string node;
  std::vector<InputCounts> inputs;
  std::vector<OutputCounts> outputs;
  uint64_t memory_granted = 0;
};

class Broker {
 public:
  static Status create(BrokerOptions options, std::unique_ptr<Broker>* out, Error* error);
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  ~Broker();

  const std::string& socket_path() const;
  /// The value of DORA_NODE_CONFIG for a node: "1 <token as 64 hex digits> <socket path>".
  std::string node_config(const std::string& token_hex) const;

  /// Announces a node (again, after a death: with the next restart_count) before its process is started. All nodes of a
  /// dataflow that take part in the barrier are added before the first of them is spawned, in one call, so that the
  /// barrier knows whom to wait for.
  Status add_nodes(const std::vector<BrokerNode>& nodes, std::vector<std::string>* tokens_hex, Error* error);
  /// A node's process has ended (the daemon reaped it). final: it will not come back, so its peers' edges close:
  /// `crashed` says how.
  void node_ended(const std::string& dataflow, const std::string& node, bool final, bool crashed);
  void stop_node(const std::string& dataflow, const std::string& node, uint32_t reason, int64_t grace_ns);
  /// Forgets a dataflow: tokens, regions, budget. Its counts are gone after this.
  void remove_dataflow(const std::string& dataflow);

  bool next_event(BrokerEvent* out);
  /// Counts of every node of a dataflow, also of dead ones.
  std::vector<NodeCounts> counts(const std::string& dataflow);

  // ---- for clients in this process (bridge.h) ----

  /// The core as a table of functions (dora/bridge.h). The same each time; functions fail with DORA_ENDED once the
  /// broker is gone.
  std::shared_ptr<const dora_bridge_host_t> bridge();
  /// An announced node that nobody has joined as yet is joined from this process: its DORA_NODE_CONFIG.
  Status claim_node(const std::string& dataflow, const std::string& node, std::string* config, Error* error);
  /// Forgets one node that has ended for good and has no outputs, its counts too. Harmless for any other.
  void forget_node(const std::string& dataflow, const std::string& node);
  /// Calls `observer` for each event of kind joined, started, left and lost, on whatever thread it happens, under the
  /// broker's lock: it must not call the broker. Returns what unobserve() takes.
  uint64_t observe(std::function<void(const BrokerEvent&)> observer);
  void unobserve(uint64_t observer);

 private:
  struct Impl;
  explicit Broker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dora
