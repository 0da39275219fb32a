// One socket to one process: sending without ever blocking, receiving, and the way it ends.
//
// A packet goes out at once when the socket takes it, else it waits in a queue with its descriptors until the socket is
// writable again. A node that leaves kMaxQueue packets unread, beyond its own description, is given up. A connection
// ends in two steps, so that nobody frees what is in use: doom() marks it, the broker's loop sweeps doomed ones when it
// is done with what it was doing.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "broker/model.h"
#include "core/unix_socket.h"

namespace dora::broker {

class Connection {
 public:
  static constexpr size_t kMaxQueue = 10'000;

  Connection(uint64_t id, Fd socket, PeerCredentials peer, int epoll, uint64_t deadline_ns)
      : id_(id), socket_(std::move(socket)), peer_(peer), epoll_(epoll), deadline_ns_(deadline_ns) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Watches the socket; the epoll event's data is `key`.
  Status watch(uint64_t key, Error* error);

  template <class M>
  void send(const M& message, const std::vector<SharedFd>& fds = {}) {
    enqueue(wire::encode(message), fds);
  }
  /// A description of this many packets follows, however long the node takes to read it.
  void expect(size_t packets) { most_ = kMaxQueue + packets; }
  /// Sends what waits, as far as the socket takes it.
  void flush();
  /// Status::empty: nothing there; ended: the peer closed; a failure: the peer broke the protocol.
  Status receive(Packet* out, Error* error) { return receive_packet(socket_.get(), false, out, error); }
  /// Unread packets would make the kernel hide our last one from the peer: reads and forgets them.
  void discard_input();

  /// Ends the connection soon; the first reason counts.
  void doom(std::string why);
  bool doomed() const { return doomed_; }
  const std::string& doom_reason() const { return doom_reason_; }

  uint64_t id() const { return id_; }
  int socket() const { return socket_.get(); }
  const PeerCredentials& peer() const { return peer_; }
  /// Until when Hello must have come; 0 once it has.
  uint64_t deadline_ns() const { return deadline_ns_; }
  /// Packets that its process has not taken, beyond what the socket holds.
  size_t waiting() const { return queue_.size(); }
  /// Something waits that the loop has to try again itself, because the socket's being writable says nothing.
  bool wants_retry() const { return retry_; }

  /// The process that joined through it; null before Hello and after remove_dataflow().
  std::shared_ptr<Process> process;
  SharedFd pidfd;  ///< of the peer

  void hello_done() { deadline_ns_ = 0; }

 private:
  struct Waiting {
    std::vector<uint8_t> bytes;
    std::vector<SharedFd> fds;
  };

  void enqueue(std::vector<uint8_t> bytes, const std::vector<SharedFd>& fds);
  /// False: not now.
  bool try_send(const Waiting& packet);
  void arm(bool writable);

  uint64_t id_;
  Fd socket_;
  PeerCredentials peer_;
  int epoll_;
  uint64_t deadline_ns_;
  uint64_t key_ = 0;
  std::deque<Waiting> queue_;
  size_t most_ = kMaxQueue;
  bool armed_ = false, retry_ = false, doomed_ = false;
  std::string doom_reason_;
};

/// A descriptor for the process at the other end of the socket, that can not come to mean another process.
Status open_peer_pidfd(int socket, int32_t pid, Fd* out, Error* error);

}  // namespace dora::broker
