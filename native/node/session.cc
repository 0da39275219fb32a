// Socket to the broker. See session.h.
#include "node/session.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>

#include <charconv>

#include "core/inbox.h"

namespace dora {
namespace {

constexpr int kAnswerTimeoutMs = 5000;

bool parse_hex(std::string_view text, uint8_t* out) {
  if (text.size() != wire::kTokenSize * 2) return false;
  for (size_t i = 0; i < wire::kTokenSize; i++) {
    const char* at = text.data() + i * 2;
    auto [end, failure] = std::from_chars(at, at + 2, out[i], 16);
    if (failure != std::errc() || end != at + 2) return false;
  }
  return true;
}

int64_t monotonic_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

Status Session::open(const std::string& config, Error* error) {
  wire::Hello hello;
  const size_t space = config.find(' ', 2);
  if (config.compare(0, 2, "1 ") != 0 || space == std::string::npos ||
      !parse_hex(std::string_view(config).substr(2, space - 2), hello.token)) {
    return error->fail(Status::not_in_dataflow, "DORA_NODE_CONFIG is not what a dora daemon writes",
                       "Start this program as a node of a dataflow: `dora run dataflow.yml`.");
  }
  path_ = config.substr(space + 1);
  kick_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!kick_.valid()) return error->fail_os("eventfd", "cannot make an eventfd");
  if (Status s = connect_unix(path_, &socket_, error); s != Status::ok) {
    error->hint = "The daemon that started this node is gone. Start the dataflow again.";
    return error->status = Status::not_in_dataflow;
  }
  if (send(hello) == Status::ok) return Status::ok;
  return error->fail(Status::join_refused, "the daemon went away while this node was joining", kDaemonGoneHint);
}

Status Session::receive(Packet* out, Error* error) {
  const Status s = receive_packet(socket_.get(), true, out, error);
  if (s == Status::ended)
    return error->fail(Status::join_refused, "the daemon closed the connection while this node was joining",
                       kDaemonGoneHint);
  return s;
}

Status Session::send_bytes(const std::vector<uint8_t>& bytes, std::span<const int> fds) {
  std::lock_guard guard(out_);
  if (broker_gone()) return Status::ended;
  Error ignored;
  const Status s = send_packet(socket_.get(), bytes, fds, &ignored);
  if (s == Status::ended) gone_.store(true, std::memory_order_relaxed);
  return s;
}

Status Session::drain(std::vector<Packet>* out, Error* error) {
  std::lock_guard guard(io_);
  drain_doorbell(kick_.get());
  for (Packet& packet : kept_) out->push_back(std::move(packet));
  kept_.clear();
  for (;;) {
    Packet packet;
    const Status s = receive_packet(socket_.get(), false, &packet, error);
    if (s == Status::empty) return Status::ok;
    if (s != Status::ok) {
      gone_.store(true, std::memory_order_relaxed);
      return std::exchange(end_told_, true) ? Status::ok : Status::ended;
    }
    out->push_back(std::move(packet));
  }
}

void Session::add_granted(uint64_t bytes) {
  std::lock_guard guard(budget_);
  granted_ += bytes;
}

bool Session::acquire(uint64_t bytes, Error* error) {
  std::lock_guard guard(budget_);
  if (granted_ - used_ < bytes && !ask_for_grant(bytes - (granted_ - used_), error)) return false;
  used_ += bytes;
  return true;
}

void Session::give_back(uint64_t bytes) {
  std::lock_guard guard(budget_);
  used_ -= bytes;
}

/// The next packet of type M for which is_mine holds, kept ones first; all others are kept for the consumer. False when
/// the broker goes away or does not answer.
template <class M, class F>
bool Session::wait_for(M* out, std::vector<Fd>* fds, F is_mine) {
  std::lock_guard guard(io_);
  const auto take = [&](Packet& packet) {
    if (!wire::decode(packet.bytes, out) || !is_mine(*out)) return false;
    if (fds != nullptr) *fds = std::move(packet.fds);
    return true;
  };
  for (auto kept = kept_.begin(); kept != kept_.end(); ++kept) {
    if (!take(*kept)) continue;
    kept_.erase(kept);
    return true;
  }
  const int64_t deadline = monotonic_ms() + kAnswerTimeoutMs;
  for (int64_t left = kAnswerTimeoutMs; left > 0; left = deadline - monotonic_ms()) {
    pollfd readable{socket_.get(), POLLIN, 0};
    if (poll(&readable, 1, static_cast<int>(left)) <= 0) continue;
    Packet packet;
    Error why;
    const Status s = receive_packet(socket_.get(), false, &packet, &why);
    if (s == Status::empty) continue;
    if (s != Status::ok) {
      gone_.store(true, std::memory_order_relaxed);
      ring_doorbell(kick_.get());
      return false;
    }
    if (take(packet)) return true;
    kept_.push_back(std::move(packet));
    ring_doorbell(kick_.get());
  }
  return false;
}

/// Under budget_. Asks and waits. An answer that came too late to an earlier question is kept for the consumer, who
/// adds what it grants.
bool Session::ask_for_grant(uint64_t bytes, Error* error) {
  const std::string held = "this node holds " + std::to_string(granted_) + " bytes of shared memory and needs " +
                           std::to_string(bytes) + " more";
  const uint64_t number = ++number_;
  if (send(wire::GrantRequest{number, bytes}) != Status::ok) {
    error->fail(Status::shm_exhausted, held + ", but its daemon is gone",
                "Start the daemon again, or restart the dataflow.");
    return false;
  }
  wire::Grant grant;
  if (!wait_for(&grant, nullptr, [number](const wire::Grant& answer) { return answer.number == number; })) {
    error->fail(Status::shm_exhausted, held + ", but its daemon does not answer",
                "Start the daemon again, or restart the dataflow.");
    return false;
  }
  if (grant.granted >= bytes) {
    granted_ += grant.granted;
    return true;
  }
  error->fail(Status::shm_exhausted,
              held + ": the node has " + std::to_string(grant.node_used) + " of its limit of " +
                  std::to_string(grant.node_limit) + " bytes, all nodes of this machine " +
                  std::to_string(grant.machine_used) + " of " + std::to_string(grant.machine_limit),
              "Release samples sooner, send less at once, or raise shared_memory_pool_size of this node (or the "
              "machine's limit).");
  return false;
}

Status Session::add_part(uint32_t part, wire::PartAdded* answer, std::vector<Fd>* fds, Error* error) {
  const bool asked = send(wire::AddPart{part}) == Status::ok;
  if (!asked || !wait_for(answer, fds, [part](const wire::PartAdded& got) { return got.part == part; }))
    return error->fail(Status::ended, "the daemon of this node is gone, or does not answer",
                       "Start the dataflow again.");
  if (answer->status == 0 && fds->size() == 2) return Status::ok;
  return error->fail(answer->status < 0 ? static_cast<Status>(answer->status) : Status::internal,
                     "the daemon gives no memory for another thread of this node: " + answer->message,
                     "Take shares back that are not used, or raise the memory limit.");
}

}  // namespace dora
