// Parts of a node for other threads: sharing, joining a share, taking back. Part of Node; see part.h.
//
// What is shared moves as a whole: an input with its edges, what is queued and what is known of it; an output with its
// doorbell. Peers are told to ring the part instead of the node, and until they have heard of it the part is not rung
// for what they send; each rings once when it hears, so nothing waits for ever. A part that its thread has left keeps
// what it has, for the next thread or for take_back().
#include <sys/epoll.h>

#include <map>

#include "node/node_impl.h"

namespace dora {
namespace {

/// Shares of this process by key; of nodes that are gone too, so that a late thread can be told.
struct Shares {
  std::mutex lock;
  uint64_t last_key = 0;
  struct Entry {
    std::weak_ptr<Node::Impl> node;
    Part* part = nullptr;
  };
  std::map<uint64_t, Entry> entries;
};

Shares& shares() {
  static Shares all;
  return all;
}

void watch_in(Part& part, int fd, uint64_t what) {
  epoll_event event{EPOLLIN, {.u64 = what}};
  // A descriptor that is watched already stays so.
  if (fd >= 0) epoll_ctl(part.control.get(), EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

bool Node::Impl::all_over(Part& part) {
  if (!several.load(std::memory_order_relaxed) || &part != &whole()) return part.inputs->all_over();
  if (!has_edge_inputs || !(part.inputs->all_over() || part.inputs->none_here())) return false;
  for (size_t i = 1; i < parts.size(); i++) {
    Part& other = *parts[i];
    const auto held = hold(other);
    if (other.inputs->none_here()) continue;
    // Whoever has it may still send what it makes of its last message, and leaves when it is through.
    if (other.connected.load(std::memory_order_relaxed) || !other.inputs->nothing_follows()) return false;
  }
  return true;
}

void Node::Impl::wake_others(const Part* but) {
  if (!several.load(std::memory_order_relaxed)) return;
  for (auto& part : parts)
    if (part.get() != but) ring_doorbell(part->inbox.doorbell());
}

/// A part that no share uses, with an inbox of its own.
Status Node::Impl::add_part(Part** out, Error* error) {
  for (size_t i = 1; i < parts.size(); i++) {
    if (parts[i]->key != 0) continue;
    *out = parts[i].get();
    return Status::ok;
  }
  auto part = std::make_unique<Part>();
  part->number = static_cast<uint32_t>(parts.size());
  wire::PartAdded answer;
  std::vector<Fd> fds;
  if (Status s = session.add_part(part->number, &answer, &fds, error); s != Status::ok) return s;
  if (Status s = Inbox::open(std::move(fds[0]), std::move(fds[1]), &part->inbox, error); s != Status::ok) return s;
  if (Status s = make_part_control(*part, error); s != Status::ok) return s;
  part->inputs =
      std::make_unique<Inputs>(whole().inputs->infos(), input_bits, false, &part->inbox, &ledger, clock, &hlc, id);
  *out = part.get();
  parts.push_back(std::move(part));
  return Status::ok;
}

void Node::Impl::move_input(uint32_t input, Part& to) {
  Part& from = *input_owner[input];
  {
    std::scoped_lock both(whole().lock, &from == &whole() ? to.lock : from.lock);
    const int timer = from.inputs->timer_fd(input);
    if (timer >= 0) epoll_ctl(from.control.get(), EPOLL_CTL_DEL, timer, nullptr);
    from.inputs->move_to(input, to.inputs.get());
    watch_in(to, timer, Part::kTimers + input);
    watch_in(to, to.inputs->alarm_fd(), Part::kAlarm);
  }
  input_owner[input] = &to;
  if (whole().inputs->infos()[input].kind == InputKind::edge) session.send(wire::MovePort{to.number, 0, input});
}

void Node::Impl::move_output(uint32_t output, Part& to) {
  output_owner[output] = &to;
  session.send(wire::MovePort{to.number, 1, output});
}

bool Node::is_whole() const { return part_ == &impl_->whole(); }

bool Node::has_input(uint32_t input) const {
  std::lock_guard guard(impl_->control_lock);
  return impl_->input_owner[input] == part_;
}
bool Node::has_output(uint32_t output) const {
  std::lock_guard guard(impl_->control_lock);
  return impl_->output_owner[output] == part_;
}

Status Node::share(const std::vector<uint32_t>& inputs, const std::vector<uint32_t>& outputs, uint64_t* key,
                   Error* error) {
  Impl& impl = *impl_;
  impl.several.store(true, std::memory_order_relaxed);
  std::lock_guard guard(impl.control_lock);
  for (uint32_t input : inputs)
    if (input >= impl.input_owner.size() || impl.input_owner[input] != part_)
      return error->fail(Status::invalid_argument, "an input that is not this thread's cannot be shared");
  for (uint32_t output : outputs)
    if (output >= impl.output_owner.size() || impl.output_owner[output] != part_)
      return error->fail(Status::invalid_argument, "an output that is not this thread's cannot be shared");
  Part* part = nullptr;
  if (Status s = impl.add_part(&part, error); s != Status::ok) return s;
  {
    const auto held = impl.hold(*part);
    part->events.clear();
    part->ended = part_->ended;
    part->stopping.store(part_->stopping.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  part->outputs = outputs;
  for (uint32_t input : inputs) impl.move_input(input, *part);
  for (uint32_t output : outputs) impl.move_output(output, *part);
  std::lock_guard registered(shares().lock);
  *key = part->key = ++shares().last_key;
  shares().entries[*key] = {impl_, part};
  return Status::ok;
}

Status Node::take_back(uint64_t key) {
  Impl& impl = *impl_;
  std::lock_guard guard(impl.control_lock);
  std::lock_guard registered(shares().lock);
  const auto entry = shares().entries.find(key);
  if (entry == shares().entries.end()) return Status::ok;
  Part& part = *entry->second.part;
  if (part.connected) return Status::would_block;
  for (uint32_t input = 0; input < impl.input_owner.size(); input++)
    if (impl.input_owner[input] == &part) impl.move_input(input, *part_);
  for (uint32_t output : part.outputs) impl.move_output(output, *part_);
  part.outputs.clear();
  part.key = 0;
  shares().entries.erase(entry);
  return Status::ok;
}

Status Node::join_share(uint64_t key, std::unique_ptr<Node>* out) {
  std::shared_ptr<Impl> impl;
  Part* part = nullptr;
  {
    std::lock_guard registered(shares().lock);
    const auto entry = shares().entries.find(key);
    if (entry == shares().entries.end()) return Status::empty;
    impl = entry->second.node.lock();
    part = entry->second.part;
  }
  if (impl == nullptr || impl->closed) return Status::ended;
  std::lock_guard guard(impl->control_lock);
  if (part->key != key) return Status::empty;
  if (part->connected) return Status::would_block;
  part->connected = true;
  out->reset(new Node(std::move(impl), part));
  return Status::ok;
}

/// Its thread is done with it: nobody takes what comes, nobody waits for room.
void Node::leave_part() {
  if (std::exchange(left_, true)) return;
  std::lock_guard guard(impl_->control_lock);
  for (uint32_t output : part_->outputs) stop_waiting(output);
  part_->inbox.set_awake();
  part_->connected = false;
  impl_->wake_others(part_);
}

}  // namespace dora
