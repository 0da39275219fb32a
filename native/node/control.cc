// Joining a dataflow, and what the broker says in packets: edges that open, move and close, start, stop. Which
// descriptors are watched, and what their being ready means, is in watches.cc.
//
// All of it runs on a consumer's thread, under the control lock; no lock is held that a sender could wait for while it
// waits for a grant.
#include <sys/epoll.h>

#include <cstdlib>
#include <cstring>

#include "node/lock_memory.h"
#include "node/node_impl.h"

namespace dora {

Status Node::connect(const NodeOptions& options, std::unique_ptr<Node>* out, Error* error) {
  auto impl = std::make_shared<Impl>();
  if (Status s = impl->join(options, error); s != Status::ok) return s;
  Part* part = &impl->whole();
  out->reset(new Node(std::move(impl), part));
  return Status::ok;
}

// ---- joining
// ---------------------------------------------------------------------------------------------------------------

Status Node::Impl::join(const NodeOptions& options, Error* error) {
  const char* environment = getenv("DORA_NODE_CONFIG");
  const std::string config = options.config.empty() && environment != nullptr ? environment : options.config;
  if (config.empty()) {
    return error->fail(Status::not_in_dataflow,
                       "DORA_NODE_CONFIG is not set: this program was not started by a dora daemon",
                       "Start it as a node of a dataflow: `dora run dataflow.yml`.");
  }
  clock = options.clock == nullptr ? &machine_clock() : options.clock;
  control.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!control.valid()) return error->fail_os("epoll_create1", "cannot make an epoll");
  if (Status s = session.open(config, error); s != Status::ok) return s;

  Packet packet;
  if (Status s = session.receive(&packet, error); s != Status::ok) return s;
  wire::Type type;
  uint16_t version = 0;
  wire::Refused refused;
  if (wire::peek(packet.bytes, &type, &version) && type == wire::Type::refused && wire::decode(packet.bytes, &refused))
    return error->fail(static_cast<Status>(refused.status), refused.message, refused.hint);
  wire::Welcome welcome;
  if (!wire::decode(packet.bytes, &welcome) || packet.fds.size() != 4) {
    return error->fail(Status::version_mismatch,
                       "the daemon answered in protocol version " + std::to_string(version) + ", this node speaks " +
                           std::to_string(wire::kProtocolVersion),
                       "Build the node against the same dora-ts version as the daemon's.");
  }
  id = welcome.node;
  dataflow = welcome.dataflow;
  restart_count = welcome.restart_count;
  outlives = (welcome.flags & wire::kOutlives) != 0;
  started = (welcome.flags & wire::kBarrier) == 0;
  grace_ns = welcome.grace_ns;
  session.add_granted(welcome.granted);
  parts.push_back(std::make_unique<Part>());
  whole().connected = true;
  if (Status s = make_part_control(whole(), error); s != Status::ok) return s;
  if (Status s = Inbox::open(std::move(packet.fds[0]), std::move(packet.fds[1]), &whole().inbox, error);
      s != Status::ok)
    return s;
  if (Status s = ledger.open(std::move(packet.fds[2]), welcome.inputs, welcome.outputs, error); s != Status::ok)
    return s;
  broker_pidfd_ = std::move(packet.fds[3]);
  if (Status s = receive_spec(welcome, error); s != Status::ok) return s;
  for (int fd : {session.fd(), session.kick_fd()}) {
    if (Status s = watch({.kind = Watch::Kind::session, .fd = fd}, error); s != Status::ok) return s;
  }
  wire::Ready ready;
  if ((welcome.flags & wire::kLockMemory) != 0) ready.lock_errno = lock_memory(options.own_heap);
  if (Status s = session.send(ready); s != Status::ok)
    return error->fail(Status::join_refused, "the daemon went away while this node was joining", kDaemonGoneHint);
  if (started) {
    started = false;
    on_start();
  }
  return Status::ok;
}

Status Node::Impl::receive_spec(const wire::Welcome& welcome, Error* error) {
  std::vector<InputInfo> infos;
  std::vector<uint32_t> bits;
  std::vector<wire::Output> output_specs;
  infos.reserve(welcome.inputs);
  bits.reserve(welcome.inputs);
  for (;;) {
    Packet packet;
    if (Status s = session.receive(&packet, error); s != Status::ok) return s;
    wire::Input input;
    wire::Output output;
    wire::SpecEnd end;
    if (wire::decode(packet.bytes, &input)) {
      infos.push_back({input.id, input.source, static_cast<InputKind>(input.kind), static_cast<Policy>(input.policy),
                       input.queue_size, static_cast<uint8_t>(input.priority), input.period_ns, input.local_output,
                       input.timeout_ns});
      bits.push_back(input.bit);
      const bool bad_timer = input.kind == 1 && input.period_ns == 0;
      if (input.kind > 2 || bad_timer || (input.kind == 0 && input.bit >= kMaxInputs)) break;
    } else if (wire::decode(packet.bytes, &output)) {
      output_specs.push_back(output);
    } else if (wire::decode(packet.bytes, &end)) {
      if (infos.size() != welcome.inputs || output_specs.size() != welcome.outputs) break;
      for (const InputInfo& info : infos) has_edge_inputs |= info.kind == InputKind::edge;
      input_bits = std::move(bits);
      input_owner.assign(infos.size(), &whole());
      output_owner.assign(output_specs.size(), &whole());
      whole().inputs =
          std::make_unique<Inputs>(std::move(infos), input_bits, true, &whole().inbox, &ledger, clock, &hlc, id);
      return make_publishers(output_specs, error);
    } else {
      break;
    }
  }
  return error->fail(Status::version_mismatch, "the daemon described this node in a way that it does not understand",
                     "Build the node against the same dora-ts version as the daemon's.");
}

Status Node::Impl::make_publishers(const std::vector<wire::Output>& specs, Error* error) {
  outputs.reserve(specs.size());
  publishers.reserve(specs.size());
  for (uint32_t i = 0; i < specs.size(); i++) {
    const wire::Output& spec = specs[i];
    outputs.push_back({spec.id, spec.retain, spec.external != 0});
    publishers.push_back(nullptr);
    if (spec.external == 0) continue;
    publishers.back() = std::make_unique<Publisher>(
        PublisherConfig{spec.id, spec.map_bytes, spec.max_slots, spec.retain, &ledger.output(i)}, &session, &hlc);
    if (Status s = publishers.back()->init(error); s != Status::ok) return s;
    const int fds[] = {publishers.back()->pool_fd()};
    session.send(wire::Pool{i}, fds);
  }
  return Status::ok;
}

// ---- packets
// --------------------------------------------------------------------------------------------------------------------

void Node::Impl::process(Packet& packet) {
  wire::Type type;
  uint16_t version;
  if (!wire::peek(packet.bytes, &type, &version)) return protocol_error("an empty packet");
  switch (type) {
    case wire::Type::open_out: return on_open_out(packet);
    case wire::Type::open_in: return on_open_in(packet);
    case wire::Type::close_out: {
      wire::CloseOut message;
      if (!wire::decode(packet.bytes, &message)) return protocol_error("a malformed CloseOut");
      unwatch_subscriber(message.edge_id);
      for (auto& publisher : publishers) {
        if (publisher != nullptr) publisher->close_edge(message.edge_id);
      }
      // Somebody may be waiting for room in it.
      for (auto& part : parts) ring_doorbell(part->inbox.doorbell());
      return;
    }
    case wire::Type::close_in: {
      wire::CloseIn message;
      if (!wire::decode(packet.bytes, &message) || message.input >= input_owner.size())
        return protocol_error("a malformed CloseIn");
      Part& owner = *input_owner[message.input];
      const auto held = hold(owner);
      return owner.inputs->close(message.input, message.reason);
    }
    case wire::Type::start: return on_start();
    case wire::Type::stop: {
      wire::Stop message;
      if (!wire::decode(packet.bytes, &message)) return protocol_error("a malformed Stop");
      return stop(message.reason, message.grace_ns);
    }
    case wire::Type::grant: {  // answer to a request that has given up waiting
      wire::Grant message;
      if (wire::decode(packet.bytes, &message)) session.add_granted(message.granted);
      return;
    }
    case wire::Type::send_rejected: return on_send_rejected(packet);
    case wire::Type::move_out: return on_move_out(packet);
    case wire::Type::move_in: return on_move_in(packet);
    case wire::Type::part_added: return;  // the answer to a question that has given up waiting
    default: return protocol_error("a packet of type " + std::to_string(static_cast<int>(type)));
  }
}

void Node::Impl::on_open_out(Packet& packet) {
  wire::OpenOut message;
  Publisher* found = nullptr;
  if (wire::decode(packet.bytes, &message) && packet.fds.size() == 4) found = publisher(message.output);
  if (found == nullptr) return protocol_error("a malformed OpenOut");
  Publisher& publisher = *found;
  if (message.constants.policy == static_cast<uint16_t>(Policy::backpressure)) start_watching_waits();
  unwatch_subscriber(message.edge_id);
  Error error;
  Status s = publisher.open_edge(
      EdgeWriterConfig{message.edge_id, message.region_id, message.peer_incarnation, message.constants, message.peer,
                       std::move(packet.fds[0]), std::move(packet.fds[1]), std::move(packet.fds[2])},
      message.is_return != 0, &error);
  if (s == Status::ok) {
    s = watch({.kind = Watch::Kind::subscriber,
               .fd = packet.fds[3].get(),
               .pidfd = std::move(packet.fds[3]),
               .index = message.output,
               .edge_id = message.edge_id,
               .incarnation = message.peer_incarnation},
              &error);
  }
  if (s != Status::ok) {  // the broker tells the subscriber, and forgets this edge as we do
    publisher.close_edge(message.edge_id);
    protocol_error("an edge to \"" + message.peer + "\" that cannot be opened: " + error.message);
  }
  ring_sender(message.output);  // who waited for the dead one has to ask its successor
  session.send(wire::OutOpened{message.edge_id, message.region_id, static_cast<int32_t>(s)});
}

void Node::Impl::on_open_in(Packet& packet) {
  wire::OpenIn message;
  if (!wire::decode(packet.bytes, &message) || packet.fds.size() != 4 || message.input >= input_owner.size())
    return protocol_error("a malformed OpenIn");
  Part& owner = *input_owner[message.input];
  Error error;
  // Its death first: an edge whose publisher is not watched might wait for ever.
  const uint64_t watched = next_watch_;
  Status s = watch({.kind = Watch::Kind::publisher,
                    .fd = packet.fds[3].get(),
                    .pidfd = std::move(packet.fds[3]),
                    .index = message.input,
                    .region_id = message.region_id},
                   &error);
  if (s != Status::ok) return edge_failed(message.input, message.edge_id, error);
  {
    const auto held = hold(owner);
    s = owner.inputs->open_edge(
        EdgeReaderConfig{message.edge_id, message.region_id, message.peer_incarnation, message.input, message.max_slots,
                         message.map_bytes, message.constants, message.peer, std::move(packet.fds[0]),
                         std::move(packet.fds[1]), std::move(packet.fds[2])},
        &error);
  }
  if (s == Status::ok) return;
  unwatch(watches_.find(watched));
  edge_failed(message.input, message.edge_id, error);
}

/// An input did not get its edge. The broker closes the publisher's end, which would fill up and wait for nobody.
void Node::Impl::edge_failed(uint32_t input, uint64_t edge_id, const Error& error) {
  protocol_error("an edge that cannot be opened: " + error.message);
  session.send(wire::Corrupt{edge_id, error.message});
  Part& owner = *input_owner[input];
  const auto held = hold(owner);
  owner.inputs->close(input, DORA_REASON_FAILURE);
}

void Node::Impl::on_move_out(Packet& packet) {
  wire::MoveOut message;
  if (!wire::decode(packet.bytes, &message) || packet.fds.size() != 2) return protocol_error("a malformed MoveOut");
  for (auto& publisher : publishers) {
    if (publisher == nullptr) continue;
    Error error;
    const Status s = publisher->move_inbox(message.edge_id, &packet.fds[0], &packet.fds[1], &error);
    if (s == Status::empty) continue;
    if (s != Status::ok) protocol_error("an inbox that cannot be opened: " + error.message);
    return;
  }
}

void Node::Impl::on_move_in(Packet& packet) {
  wire::MoveIn message;
  if (!wire::decode(packet.bytes, &message) || packet.fds.size() != 1 || message.input >= input_owner.size())
    return protocol_error("a malformed MoveIn");
  Part& owner = *input_owner[message.input];
  const auto held = hold(owner);
  owner.inputs->move_doorbell(message.input, message.edge_id, std::move(packet.fds[0]));
}

void Node::Impl::on_start() {
  if (started.exchange(true)) return;
  std::vector<std::pair<int, uint32_t>> timers;
  Error error;
  Part& part = whole();
  if (part.inputs->start_timers(&timers, &error) != Status::ok) return protocol_error(error.message);
  int alarm = -1;
  if (part.inputs->start_timeouts(&alarm, &error) != Status::ok) return protocol_error(error.message);
  for (auto [fd, input] : timers) {
    epoll_event event{EPOLLIN, {.u64 = Part::kTimers + input}};
    epoll_ctl(part.control.get(), EPOLL_CTL_ADD, fd, &event);
  }
  epoll_event event{EPOLLIN, {.u64 = Part::kAlarm}};
  if (alarm >= 0) epoll_ctl(part.control.get(), EPOLL_CTL_ADD, alarm, &event);
}

void Node::Impl::stop(uint32_t reason, int64_t grace) {
  started = true;  // a stop before the start ends the wait for it
  for (auto& part : parts) push_stop(*part, reason, grace);
}

void Node::Impl::stop_part(Part& part, uint32_t reason, int64_t grace) {
  std::lock_guard guard(control_lock);
  push_stop(part, reason, grace);
}

void Node::Impl::push_stop(Part& part, uint32_t reason, int64_t grace) {
  const auto held = hold(part);
  if (part.stopping.exchange(true, std::memory_order_relaxed)) return;
  Event event;
  event.type = EventType::stop;
  event.reason = reason;
  event.grace_ns = grace;
  part.events.push_back(std::move(event));
  part.ended = true;
}

void Node::Impl::report_corrupt() {
  std::lock_guard guard(control_lock);
  report_corrupt_locked();
}

void Node::Impl::report_corrupt_locked() {
  for (auto& part : parts) {
    const auto held = hold(*part);
    for (auto& [edge_id, what] : part->inputs->take_corrupt()) session.send(wire::Corrupt{edge_id, what});
  }
  for (auto& publisher : publishers) {
    if (publisher == nullptr) continue;
    for (uint64_t edge_id : publisher->take_corrupt()) {
      session.send(
          wire::Corrupt{edge_id, "a subscriber of output \"" + publisher->name() + "\" wrote something impossible"});
      unwatch_subscriber(edge_id);
    }
  }
}

/// The broker said something that cannot be: told as an event, survived.
void Node::Impl::protocol_error(const std::string& what) {
  Event event;
  event.type = EventType::error;
  event.input = UINT32_MAX;
  event.error.fail(Status::internal, "the daemon sent " + what, "Please report this.");
  const auto held = hold(whole());
  whole().events.push_back(std::move(event));
}

}  // namespace dora
