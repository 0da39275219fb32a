// The descriptors of a node that are not about messages: the daemon's socket, peers' pidfds, timers, alarms. Which
// epoll watches which, and what happens when one is ready. Part of Node::Impl; see control.cc for what packets do.
//
// Runs on a consumer's thread. What concerns the node runs under the control lock, what concerns a part under its own.
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "node/node_impl.h"

namespace dora {

Status Node::Impl::watch(Watch what, Error* error) {
  const uint64_t key = next_watch_++;
  epoll_event event{EPOLLIN, {.u64 = what.pidfd.valid() ? Part::kDeath | key : key}};
  if (epoll_ctl(epoll_of(what), EPOLL_CTL_ADD, what.fd, &event) != 0)
    return error->fail_os("epoll_ctl", "cannot watch a descriptor");
  watches_[key] = std::move(what);
  return Status::ok;
}

/// Before an edge is replaced or closed: its pidfd goes with it.
void Node::Impl::unwatch_subscriber(uint64_t edge_id) {
  for (auto at = watches_.begin(); at != watches_.end(); ++at) {
    if (at->second.kind != Watch::Kind::subscriber || at->second.edge_id != edge_id) continue;
    unwatch(at);
    return;
  }
}

/// Before the descriptor is closed: other processes hold the same pidfd, so closing ours would leave it in the epoll.
void Node::Impl::unwatch(Watches::iterator at) {
  epoll_ctl(epoll_of(at->second), EPOLL_CTL_DEL, at->second.fd, nullptr);
  watches_.erase(at);
}

/// Deaths of peers lie in the epoll of the first part itself, not in the node's within it: the kernel lets one file be
/// watched by 500 epolls that lie in another one, but by 100 a level deeper, and a peer's pidfd is one file for all
/// processes and edges. Other parts hear of a death from the broker.
int Node::Impl::epoll_of(const Watch& what) { return what.pidfd.valid() ? whole().control.get() : control.get(); }

/// A part's own epoll, in which the node's is one descriptor of several.
Status Node::Impl::make_part_control(Part& part, Error* error) {
  part.control.reset(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{EPOLLIN, {.u64 = Part::kNodeControl}};
  if (part.control.valid() && epoll_ctl(part.control.get(), EPOLL_CTL_ADD, control.get(), &event) == 0)
    return Status::ok;
  return error->fail_os("epoll", "cannot watch the node's descriptors");
}

void Node::Impl::handle_control(Part& part) {
  epoll_event ready[64];
  const int n = epoll_wait(part.control.get(), ready, 64, 0);
  bool of_node = false, deaths = false;
  for (int i = 0; i < n; i++) {
    const uint64_t what = ready[i].data.u64;
    if (what == Part::kNodeControl || (what & Part::kDeath) != 0) {
      (what == Part::kNodeControl ? of_node : deaths) = true;
      continue;
    }
    const auto held = hold(part);
    if (what == Part::kAlarm) {
      part.inputs->alarm_fired();
    } else {
      part.inputs->timer_fired(static_cast<uint32_t>(what - Part::kTimers));
    }
  }
  if (of_node) handle_node_control(part);
  if (!deaths) return;
  std::lock_guard guard(control_lock);
  for (int i = 0; i < n; i++) {
    const uint64_t what = ready[i].data.u64;
    if ((what & Part::kDeath) != 0) fired(what & ~Part::kDeath);
  }
  report_corrupt_locked();
  wake_others(&part);
}

void Node::Impl::handle_node_control(Part& part) {
  std::lock_guard guard(control_lock);
  epoll_event ready[64];
  const int n = epoll_wait(control.get(), ready, 64, 0);
  for (int i = 0; i < n; i++) fired(ready[i].data.u64);
  report_corrupt_locked();
  if (n > 0) wake_others(&part);
}

void Node::Impl::fired(uint64_t key) {
  const auto at = watches_.find(key);
  if (at == watches_.end()) return;
  const Watch& what = at->second;  // gone once packets have been processed
  switch (what.kind) {
    case Watch::Kind::session: {
      std::vector<Packet> packets;
      Error error;
      const Status s = session.drain(&packets, &error);
      for (Packet& packet : packets) process(packet);
      if (s == Status::ended) broker_gone();
      return;
    }
    case Watch::Kind::waits: look_at_waits(); return;
    // A pidfd stays readable once its process is dead, so each is looked at once.
    case Watch::Kind::subscriber: publishers[what.index]->peer_died(what.edge_id, what.incarnation); break;
    case Watch::Kind::publisher: {
      Part& owner = *input_owner[what.index];
      const auto held = hold(owner);
      owner.inputs->publisher_died(what.index, what.region_id);
      break;
    }
  }
  unwatch(at);
}

void Node::Impl::broker_gone() {
  for (auto at = watches_.begin(); at != watches_.end();) {
    if (at->second.kind == Watch::Kind::session) {
      epoll_ctl(control.get(), EPOLL_CTL_DEL, at->second.fd, nullptr);
      at = watches_.erase(at);
    } else {
      ++at;
    }
  }
  broker_lost = true;
  if (outlives) {
    if (!started) on_start();
    return;
  }
  pollfd dead{broker_pidfd_.get(), POLLIN, 0};
  if (poll(&dead, 1, 0) == 1) {
    // Killed, so its socket folder is still there: whoever notices first removes it.
    const std::string folder = session.socket_path().substr(0, session.socket_path().rfind('/'));
    unlink(session.socket_path().c_str());
    unlink((folder + "/lock").c_str());
    rmdir(folder.c_str());
  }
  stop(DORA_REASON_SHUTDOWN, static_cast<int64_t>(grace_ns));
}

}  // namespace dora
