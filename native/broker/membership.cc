// Lives of processes. See membership.h; joining itself is in join.cc.
#include "broker/membership.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "broker/counts.h"
#include "broker/edges.h"
#include "broker/join.h"
#include "broker/registry.h"
#include "broker/waits.h"
#include "core/step.h"

namespace dora::broker {
namespace {

using Kind = BrokerEvent::Kind;
constexpr int kLastWords = 100'000;  // packets that a dead process's socket may still hold
constexpr int kAcceptAtOnce = 64;
constexpr int kMaxStrangers = 128;  // connections without Hello; honest ones stay that for microseconds

bool is_readable(int fd) {
  pollfd look{fd, POLLIN, 0};
  return poll(&look, 1, 0) == 1;
}

/// Descriptor-free packets of one type; anything else ends the connection.
template <class M>
bool take(Connection* connection, const Packet& packet, M* out) {
  if (packet.fds.empty() && wire::decode(packet.bytes, out)) return true;
  connection->doom("it sent a packet that makes no sense (" + std::to_string(packet.bytes.size()) + " bytes, type " +
                   std::to_string(static_cast<int>(M::type)) + ")");
  return false;
}

void report_over(Hub* hub, Process* process, const std::string& why) {
  if (process->reported) return;
  process->reported = true;
  const BrokerNode& spec = process->node->spec;
  hub->events.push(process->bye ? Kind::left : Kind::lost, spec.dataflow, spec.node, process->bye ? std::string() : why,
                   process->pid);
}

bool check_output(Connection* connection, uint32_t output) {
  if (output < connection->process->external.size()) return true;
  connection->doom("it named output " + std::to_string(output) + ", which it does not have");
  return false;
}

void on_grant_request(Hub* hub, Connection* connection, const wire::GrantRequest& message) {
  Process* process = connection->process.get();
  Node* node = process->node;
  wire::Grant answer;
  answer.number = message.number;
  if (message.bytes > 0 && hub->budget.charge(&node->account, message.bytes)) {
    process->grant += message.bytes;
    answer.granted = message.bytes;
  } else if (message.bytes > 0) {
    hub->events.push(Kind::exhausted, node->spec.dataflow, node->spec.node,
                     format_bytes(message.bytes) + " of shared memory refused: " + hub->budget.figures(node->account),
                     process->pid);
  }
  answer.node_used = node->account.used;
  answer.node_limit = node->account.limit;
  answer.machine_used = hub->budget.used();
  answer.machine_limit = hub->budget.limit();
  connection->send(answer);
}

void on_bye(Hub* hub, Process* process) {
  DORA_STEP("brk.bye");
  process->bye = true;
  report_over(hub, process, {});
  edges_disconnected(hub, process);
}

/// A packet of a process that has joined.
void dispatch(Hub* hub, Connection* connection, Packet& packet) {
  wire::Type type{};
  uint16_t version = 0;
  wire::peek(packet.bytes, &type, &version);
  Process* process = connection->process.get();
  switch (type) {
    case wire::Type::pool: return on_pool(connection, packet);
    case wire::Type::ready: {
      wire::Ready message;
      if (take(connection, packet, &message)) on_ready(hub, connection, message);
      return;
    }
    case wire::Type::out_opened: {
      wire::OutOpened message;
      if (take(connection, packet, &message)) edges_out_opened(hub, process, message);
      return;
    }
    case wire::Type::grant_request: {
      wire::GrantRequest message;
      if (take(connection, packet, &message)) on_grant_request(hub, connection, message);
      return;
    }
    case wire::Type::output_closed: {
      wire::OutputClosed message;
      if (take(connection, packet, &message) && check_output(connection, message.output))
        edges_output_closed(process, message.output);
      return;
    }
    case wire::Type::corrupt: {
      wire::Corrupt message;
      if (take(connection, packet, &message)) edges_corrupt(hub, process, message);
      return;
    }
    case wire::Type::request_stop: {
      wire::RequestStop message;
      const BrokerNode& spec = process->node->spec;
      if (take(connection, packet, &message))
        hub->events.push(Kind::request_stop, spec.dataflow, spec.node, {}, process->pid);
      return;
    }
    case wire::Type::waits: {
      wire::Waits message;
      if (take(connection, packet, &message)) look_for_rings(process->node->dataflow);
      return;
    }
    case wire::Type::add_part: {
      wire::AddPart message;
      if (take(connection, packet, &message)) on_add_part(hub, connection, message);
      return;
    }
    case wire::Type::move_port: {
      wire::MovePort message;
      if (!take(connection, packet, &message)) return;
      const auto& ports = message.is_output != 0 ? process->part_of_output : process->part_of_input;
      if (message.part >= process->parts.size() || message.index >= ports.size())
        return connection->doom("it moved a port that it does not have, or to a part that it does not have");
      edges_moved(process, message);
      return;
    }
    case wire::Type::bye: {
      wire::Bye message;
      if (take(connection, packet, &message)) on_bye(hub, process);
      return;
    }
    default:
      return connection->doom("it sent a packet of type " + std::to_string(static_cast<int>(type)) +
                              ", which nodes do not send");
  }
}

void forget_process(Hub* hub, Process* process) {
  hub->live.erase(process->incarnation);
  if (process->pidfd != nullptr) epoll_ctl(hub->epoll, EPOLL_CTL_DEL, process->pidfd->get(), nullptr);
}

void release_grant(Hub* hub, Process* process) {
  hub->budget.release(&process->node->account, std::exchange(process->grant, 0));
}

/// The connection goes away; the process may live on.
void detach(Hub* hub, Connection* connection) {
  const std::shared_ptr<Process> process = std::exchange(connection->process, nullptr);
  if (process == nullptr) return;
  process->connection = nullptr;
  const bool died = process->pidfd != nullptr && is_readable(process->pidfd->get());
  report_over(hub, process.get(), died ? "its process has died" : connection->doom_reason());
  edges_disconnected(hub, process.get());
}

/// Keeps those who never say Hello from using up our descriptors: the one that has waited longest goes.
void make_room(Hub* hub) {
  int strangers = 0;
  Connection* oldest = nullptr;
  for (const auto& [id, connection] : hub->connections) {
    if (connection->deadline_ns() == 0 || connection->doomed()) continue;
    if (strangers++ == 0) oldest = connection.get();
  }
  if (strangers >= kMaxStrangers) oldest->doom("too many connections without Hello");
}

}  // namespace

Status accept_connections(Hub* hub, int listener, uint64_t now_ns, Error* error) {
  for (int i = 0; i < kAcceptAtOnce; i++) {
    Fd socket;
    PeerCredentials peer{};
    if (Status s = accept_unix(listener, &socket, &peer, error); s == Status::empty)
      return Status::ok;
    else if (s != Status::ok)
      return s;
    const std::string who = "process " + std::to_string(peer.pid) + " of user " + std::to_string(peer.uid);
    if (peer.uid != geteuid()) {
      hub->events.push(Kind::refused, {}, {}, who + " knocked; only user " + std::to_string(geteuid()) + " may join",
                       peer.pid);
      continue;
    }
    Fd pidfd;
    Error why;
    if (open_peer_pidfd(socket.get(), peer.pid, &pidfd, &why) != Status::ok)
      continue;  // it has died already, or cannot be watched
    const uint64_t id = hub->next_connection++;
    auto connection = std::make_unique<Connection>(id, std::move(socket), peer, hub->epoll, now_ns + kHelloTimeoutNs);
    connection->pidfd = std::make_shared<Fd>(std::move(pidfd));
    if (connection->watch(watch_key(WatchKind::connection, id), error) != Status::ok) continue;
    make_room(hub);
    hub->connections.emplace(id, std::move(connection));
  }
  return Status::ok;
}

void handle_packets(Hub* hub, Connection* connection, int limit) {
  for (int i = 0; i < limit && !connection->doomed(); i++) {
    Packet packet;
    Error error;
    const Status status = connection->receive(&packet, &error);
    if (status == Status::empty) return;
    if (status == Status::ended) return connection->doom("it closed its connection to the daemon");
    if (status != Status::ok) return connection->doom(error.message);
    if (connection->process == nullptr) {
      on_hello(hub, connection, packet);
    } else if (connection->process->bye) {
      connection->doom("it sent packets after its Bye");
    } else {
      dispatch(hub, connection, packet);
    }
  }
}

void sweep_connections(Hub* hub) {
  for (;;) {
    const auto doomed = std::find_if(hub->connections.begin(), hub->connections.end(),
                                     [](const auto& c) { return c.second->doomed(); });
    if (doomed == hub->connections.end()) return;
    const std::unique_ptr<Connection> connection = std::move(doomed->second);
    hub->connections.erase(doomed);
    connection->discard_input();
    detach(hub, connection.get());
  }
}

void process_died(Hub* hub, uint64_t incarnation) {
  const auto found = hub->live.find(incarnation);
  if (found == hub->live.end()) return;
  const std::shared_ptr<Process> process = found->second;
  if (Connection* connection = process->connection) {
    handle_packets(hub, connection, kLastWords);
    connection->doom("its process has died");
    detach(hub, connection);
  }
  Node* node = process->node;
  DORA_STEP("brk.died");
  forget_process(hub, process.get());
  edges_died(hub, process.get());
  fold_ledger(*process);
  process->dead = true;
  report_over(hub, process.get(), "its process has died");
  hub->budget.release(&node->account, std::exchange(process->fixed, 0));
  if (process->ended) release_grant(hub, process.get());
  // Readers have what they need of its memory; ours would keep it alive for nobody.
  process->pools.clear();
  process->parts.clear();
  process->inbox = process->doorbell = process->ledger = process->pidfd = nullptr;
  process->ledger_view = Mapping();
  std::erase(node->former, process);
  edges_retry(hub, node);
}

void end_node(Hub* hub, const std::string& dataflow, const std::string& name, bool final, bool crashed) {
  Node* node = find_node(hub, dataflow, name);
  if (node == nullptr) return;
  void_token(hub, node);
  node->ended = true;
  bool bye = false;
  if (const std::shared_ptr<Process> process = node->process) {
    process->ended = true;
    // A member in this process has let go of all its memory when its end is told.
    const bool embedded = node->spec.embedded;
    if (!process->dead && (embedded || is_readable(process->pidfd->get()))) process_died(hub, process->incarnation);
    if (Connection* connection = process->connection) {
      // A process that is not the one the daemon has reaped, such as the child of a script that did not wait.
      handle_packets(hub, connection, kLastWords);
      connection->doom("the daemon says that it has ended");
      detach(hub, connection);
    }
    if (process->dead) release_grant(hub, process.get());
    bye = process->bye;
  }
  if (!final) return;
  node->gone = true;
  node->gone_reason = bye || !crashed ? DORA_REASON_ENDED : DORA_REASON_CRASHED;
  edges_gone(hub, node);
}

void stop_node(Hub* hub, const std::string& dataflow, const std::string& name, uint32_t reason, int64_t grace_ns) {
  Node* node = find_node(hub, dataflow, name);
  if (node == nullptr) return;
  wire::Stop stop;
  stop.reason = reason;
  stop.grace_ns = grace_ns;
  const Process* process = node->process.get();
  if (process != nullptr && process->connection != nullptr) {
    DORA_STEP("brk.stop");
    process->connection->send(stop);
  } else if (!node->token.empty()) {
    node->stop = stop;  // it has not joined yet: told as soon as it has
  }
}

void forget_node(Hub* hub, const std::string& dataflow_name, const std::string& name) {
  Node* node = find_node(hub, dataflow_name, name);
  if (node == nullptr || !node->gone || !node->spec.outputs.empty() || !node->former.empty()) return;
  if (node->process != nullptr && !node->process->dead) return;
  Dataflow* dataflow = node->dataflow;
  for (Edge* edge : node->in) {
    if (edge == nullptr) continue;
    std::erase(edge->publisher->out[edge->output], edge);
    std::erase_if(dataflow->edges, [&](const auto& known) { return known.get() == edge; });
  }
  dataflow->by_name.erase(name);
  std::erase_if(dataflow->nodes, [&](const auto& known) { return known.get() == node; });
}

void remove_dataflow(Hub* hub, const std::string& name) {
  const auto found = hub->dataflows.find(name);
  if (found == hub->dataflows.end()) return;
  for (const auto& node : found->second->nodes) {
    void_token(hub, node.get());
    std::vector<std::shared_ptr<Process>> processes = node->former;
    if (node->process != nullptr) processes.push_back(node->process);
    for (const auto& process : processes) {
      if (Connection* connection = std::exchange(process->connection, nullptr)) {
        connection->process = nullptr;
        connection->doom("its dataflow was removed");
      }
      forget_process(hub, process.get());
      release_grant(hub, process.get());
      hub->budget.release(&node->account, std::exchange(process->fixed, 0));
    }
  }
  hub->dataflows.erase(found);
}

}  // namespace dora::broker
