// The node's side of the socket to its broker: packets out, packets in, and the memory budget that rides on it.
//
// Packets are processed by the consumer only. A thread that waits for a Grant inside a send may read packets that are
// not for it; those are kept and the kick descriptor wakes the consumer for them. So a grant can be asked for under a
// publisher's lock, and no packet is processed under it. When the broker is gone the session says so once; sends are
// then silently dropped, and the budget is what is held already. Threads: all methods [any-thread], except drain() and
// the constructor's steps [consumer].
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/pool.h"
#include "core/unix_socket.h"
#include "node/wire.h"

namespace dora {

/// What to do when a node could not join because its daemon went away.
constexpr char kDaemonGoneHint[] =
    "If the daemon says nothing about this node, it was ended: start the dataflow again.";

class Session final : public MemoryBudget {
 public:
  /// Connects and sends Hello. `config`: "1 <token as hex> <socket path>".
  Status open(const std::string& config, Error* error);
  /// The next packet of the handshake, waiting for it.
  Status receive(Packet* out, Error* error);

  template <class M>
  Status send(const M& message, std::span<const int> fds = {}) {
    return send_bytes(wire::encode(message), fds);
  }

  int fd() const { return socket_.get(); }
  int kick_fd() const { return kick_.get(); }
  const std::string& socket_path() const { return path_; }

  /// Everything that has arrived. Status::ended when the broker is gone (once; packets that came before are in `out`).
  Status drain(std::vector<Packet>* out, Error* error);
  bool broker_gone() const { return gone_.load(std::memory_order_relaxed); }

  /// Asks the broker for one more inbox, and waits for the answer: the packet of PartAdded. Other packets are kept.
  Status add_part(uint32_t part, wire::PartAdded* answer, std::vector<Fd>* fds, Error* error);
  /// The node has said Bye: nothing is sent after that.
  void fall_silent() { gone_.store(true, std::memory_order_relaxed); }

  /// More that may be used without asking.
  void add_granted(uint64_t bytes);
  bool acquire(uint64_t bytes, Error* error) override;
  void give_back(uint64_t bytes) override;

 private:
  Status send_bytes(const std::vector<uint8_t>& bytes, std::span<const int> fds);
  bool ask_for_grant(uint64_t bytes, Error* error);
  template <class M, class F>
  bool wait_for(M* out, std::vector<Fd>* fds, F is_mine);

  std::string path_;
  Fd socket_;
  Fd kick_;
  std::mutex io_;   // reading the socket, kept packets
  std::mutex out_;  // sending
  std::vector<Packet> kept_;
  bool end_told_ = false;
  std::atomic<bool> gone_{false};  // a hint; the socket itself is the truth
  std::mutex budget_;
  uint64_t granted_ = 0;
  uint64_t used_ = 0;
  uint64_t number_ = 0;
};

}  // namespace dora
