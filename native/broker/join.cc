// From a connection to a member of the dataflow. See join.h.
//
// What a process gets is made here and sealed before it is handed out, so that nobody can make it smaller under us or a
// peer. What it brings, its pools, is checked to be memory of the kind that peers can map without danger: a memfd that
// cannot shrink and that only its owner can write.
#include "broker/join.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "broker/edges.h"
#include "broker/registry.h"
#include "core/step.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace dora::broker {
namespace {

constexpr int kFixedSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr int kPoolSeals = F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE;

void refuse(Hub* hub, Connection* connection, Status status, const std::string& message, const std::string& hint) {
  wire::Refused answer;
  answer.status = static_cast<int32_t>(status);
  answer.message = message;
  answer.hint = hint;
  connection->send(answer);
  const int32_t pid = connection->peer().pid;
  hub->events.push(BrokerEvent::Kind::refused, {}, {}, "process " + std::to_string(pid) + ": " + message, pid);
  connection->doom(message);
}

/// A sealed memfd of `size` bytes that starts with `head`.
template <class Head>
Status make_fixed(const char* name, uint64_t size, const Head& fill, SharedFd* out, Error* error) {
  auto fd = std::make_shared<Fd>();
  if (Status s = create_memfd(name, size, fd.get(), error); s != Status::ok) return s;
  {
    Mapping writable;
    if (Status s = Mapping::map(fd->get(), size, true, &writable, error); s != Status::ok) return s;
    fill(writable.data());
  }
  if (Status s = add_seals(fd->get(), kFixedSeals, error); s != Status::ok) return s;
  *out = std::move(fd);
  return Status::ok;
}

uint64_t ledger_bytes(const Node& node) {
  return round_to_page(
      ledger_size(static_cast<uint32_t>(node.spec.inputs.size()), static_cast<uint32_t>(node.spec.outputs.size())));
}

Status make_inbox(SharedFd* inbox, SharedFd* doorbell, Error* error) {
  const auto fill_inbox = [](uint8_t* at) {
    InboxShared* empty = new (at) InboxShared{};
    empty->magic = kInboxMagic;
    empty->version = 1;
  };
  if (Status s = make_fixed("dora-inbox", round_to_page(kInboxSize), fill_inbox, inbox, error); s != Status::ok)
    return s;
  *doorbell = std::make_shared<Fd>(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!(*doorbell)->valid()) return error->fail_os("eventfd", "cannot make a doorbell");
  return Status::ok;
}

/// Inbox, doorbell, ledger.
Status make_memory(const Node& node, Process* process, Error* error) {
  const auto fill_ledger = [&](uint8_t* at) {
    LedgerHead* head = new (at) LedgerHead{};
    head->magic = kLedgerMagic;
    head->inputs = static_cast<uint32_t>(node.spec.inputs.size());
    head->outputs = static_cast<uint32_t>(node.spec.outputs.size());
  };
  if (Status s = make_inbox(&process->inbox, &process->doorbell, error); s != Status::ok) return s;
  if (Status s = make_fixed("dora-ledger", ledger_bytes(node), fill_ledger, &process->ledger, error); s != Status::ok)
    return s;
  if (Status s = Mapping::map(process->ledger->get(), ledger_bytes(node), false, &process->ledger_view, error);
      s != Status::ok)
    return s;
  process->parts.push_back({process->inbox, process->doorbell});
  process->part_of_input.resize(node.spec.inputs.size());
  process->part_of_output.resize(node.spec.outputs.size());
  return Status::ok;
}

Status watch_process(Hub* hub, const Process& process, Error* error) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = watch_key(WatchKind::process, process.incarnation);
  if (epoll_ctl(hub->epoll, EPOLL_CTL_ADD, process.pidfd->get(), &event) == 0) return Status::ok;
  return error->fail_os("epoll_ctl", "cannot watch process " + std::to_string(process.pid));
}

void send_description(Hub* hub, Process* process) {
  Node* node = process->node;
  wire::Welcome welcome;
  welcome.node = node->spec.node;
  welcome.dataflow = node->spec.dataflow;
  welcome.flags = (hub->options.nodes_outlive ? wire::kOutlives : 0) | (node->spec.barrier ? wire::kBarrier : 0) |
                  (node->spec.lock_memory ? wire::kLockMemory : 0);
  welcome.restart_count = node->spec.restart_count;
  welcome.inputs = static_cast<uint32_t>(node->spec.inputs.size());
  welcome.outputs = static_cast<uint32_t>(node->spec.outputs.size());
  welcome.incarnation = process->incarnation;
  welcome.grace_ns = hub->options.grace_ns;
  std::vector<wire::Output> outputs;
  uint64_t shared = 0;
  for (uint32_t i = 0; i < welcome.outputs; i++) {
    outputs.push_back(describe_output(*hub, *node, i));
    process->external.push_back(outputs.back().external != 0);
    process->max_slots.push_back(outputs.back().max_slots);
    process->map_bytes.push_back(outputs.back().map_bytes);
    shared += outputs.back().external;
  }
  process->pools.resize(welcome.outputs);
  process->output_closed.resize(welcome.outputs);
  process->grant = std::min(kInitialGrant * shared, hub->budget.available(node->account) / page_size() * page_size());
  hub->budget.charge(&node->account, process->grant);
  welcome.granted = process->grant;

  Connection* connection = process->connection;
  connection->expect(size_t{welcome.inputs} + welcome.outputs);
  DORA_STEP("brk.welcome");
  connection->send(welcome, {process->inbox, process->doorbell, process->ledger, hub->own_pidfd});
  for (uint32_t i = 0; i < welcome.inputs; i++) connection->send(describe_input(*node, i));
  for (const wire::Output& output : outputs) connection->send(output);
  DORA_STEP("brk.spec_end");
  connection->send(wire::SpecEnd{});
  if (node->stop.has_value()) connection->send(*node->stop);
  node->stop.reset();
}

Status join(Hub* hub, Connection* connection, Node* node, Error* error) {
  auto process = std::make_shared<Process>();
  process->node = node;
  process->pid = connection->peer().pid;
  process->pidfd = connection->pidfd;
  process->incarnation = hub->new_id();
  const uint64_t fixed = round_to_page(kInboxSize) + ledger_bytes(*node);
  if (!hub->budget.charge(&node->account, fixed)) {
    return error->fail(Status::shm_exhausted,
                       "node \"" + node->spec.node + "\" cannot join: " + hub->budget.figures(node->account),
                       "Raise the memory limit, or run fewer nodes.");
  }
  Status status = make_memory(*node, process.get(), error);
  if (status == Status::ok) status = watch_process(hub, *process, error);
  if (status != Status::ok) {
    hub->budget.release(&node->account, fixed);
    return status;
  }
  process->fixed = fixed;
  process->connection = connection;
  hub->live[process->incarnation] = process;
  if (node->process != nullptr && !node->process->dead) node->former.push_back(node->process);
  node->process = process;
  connection->process = process;
  connection->hello_done();
  edges_joined(hub, process.get());
  send_description(hub, process.get());
  return Status::ok;
}

/// Whether peers can map it without danger, in words if not.
std::string check_pool(int fd, uint64_t map_bytes) {
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0) return "is no memfd";
  if ((seals & kPoolSeals) != kPoolSeals) return "is not sealed against shrinking and against writing by others";
  struct statfs files;
  if (fstatfs(fd, &files) != 0 || files.f_type == HUGETLBFS_MAGIC)
    return "lies on huge pages, which a reader may find missing when it touches them";
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return "is no memfd";
  if (info.st_size < 0 || static_cast<uint64_t>(info.st_size) > map_bytes) return "is larger than the memory limit";
  return {};
}

}  // namespace

void on_hello(Hub* hub, Connection* connection, const Packet& packet) {
  wire::Type type{};
  uint16_t version = 0;
  const bool is_hello = wire::peek(packet.bytes, &type, &version) && type == wire::Type::hello;
  if (is_hello && version != wire::kProtocolVersion) {
    return refuse(
        hub, connection, Status::version_mismatch,
        "the node library speaks protocol version " + std::to_string(version) + ", the daemon version " +
            std::to_string(wire::kProtocolVersion),
        "Use the same dora release for the daemon and for the node (rebuild the node, or restart the daemon).");
  }
  wire::Hello hello;
  if (!is_hello || !packet.fds.empty() || !wire::decode(packet.bytes, &hello)) {
    return refuse(hub, connection, Status::join_refused, "the first packet was no Hello",
                  "Only node libraries of dora connect to this socket.");
  }
  const auto found = hub->tokens.find(std::string(reinterpret_cast<const char*>(hello.token), sizeof hello.token));
  if (found == hub->tokens.end()) {
    return refuse(hub, connection, Status::join_refused, "the daemon does not know this token, or it was used already",
                  "A node is started by its daemon and joins once: do not copy DORA_NODE_CONFIG, and start a second "
                  "process as a node of its own.");
  }
  Node* node = found->second;
  void_token(hub, node);
  Error error;
  if (const Status status = join(hub, connection, node, &error); status != Status::ok)
    refuse(hub, connection, status, error.message, error.hint);
}

void on_pool(Connection* connection, Packet& packet) {
  Process* process = connection->process.get();
  wire::Pool message;
  if (!wire::decode(packet.bytes, &message) || packet.fds.size() != 1)
    return connection->doom("it sent a Pool packet that makes no sense");
  const uint32_t output = message.output;
  if (process->ready || output >= process->pools.size() || !process->external[output] ||
      process->pools[output] != nullptr)
    return connection->doom("it sent a pool that nobody asked for (output " + std::to_string(output) + ")");
  const std::string wrong = check_pool(packet.fds[0].get(), process->map_bytes[output]);
  if (!wrong.empty())
    return connection->doom("its pool for output \"" + process->node->spec.outputs[output].id + "\" " + wrong);
  process->pools[output] = std::make_shared<Fd>(std::move(packet.fds[0]));
}

void on_add_part(Hub* hub, Connection* connection, const wire::AddPart& message) {
  Process* process = connection->process.get();
  if (message.part != process->parts.size() || message.part > wire::kMaxParts)
    return connection->doom("it asked for part " + std::to_string(message.part) + ", which is not the next");
  Account* account = &process->node->account;
  const uint64_t size = round_to_page(kInboxSize);
  wire::PartAdded answer;
  answer.part = message.part;
  ProcessPart part;
  Error error;
  Status status = Status::ok;
  if (message.part == wire::kMaxParts) {
    status = error.fail(Status::shm_exhausted, "a node has at most " + std::to_string(wire::kMaxParts) + " parts");
  } else if (!hub->budget.charge(account, size)) {
    status = error.fail(Status::shm_exhausted, hub->budget.figures(*account));
  } else if (status = make_inbox(&part.inbox, &part.doorbell, &error); status != Status::ok) {
    hub->budget.release(account, size);
  }
  if (status != Status::ok) {
    answer.status = static_cast<int32_t>(status);
    answer.message = error.message;
    return connection->send(answer);
  }
  process->fixed += size;
  process->parts.push_back(part);
  connection->send(answer, {part.inbox, part.doorbell});
}

void on_ready(Hub* hub, Connection* connection, const wire::Ready& message) {
  Process* process = connection->process.get();
  if (process->ready) return connection->doom("it said Ready twice");
  for (size_t i = 0; i < process->pools.size(); i++) {
    if (process->external[i] && process->pools[i] == nullptr)
      return connection->doom("it said Ready without a pool for output \"" + process->node->spec.outputs[i].id + "\"");
  }
  process->ready = true;
  const BrokerNode& spec = process->node->spec;
  hub->events.push(BrokerEvent::Kind::joined, spec.dataflow, spec.node, {}, process->pid);
  if (message.lock_errno != 0) {
    hub->events.push(BrokerEvent::Kind::unlocked, spec.dataflow, spec.node, strerror(message.lock_errno), process->pid);
  }
  edges_ready(hub, process);
}

}  // namespace dora::broker
