// Packets out and in, without blocking. See connection.h.
#include "broker/connection.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace dora::broker {
namespace {

#ifdef SO_PEERPIDFD
constexpr int kPeerPidfd = SO_PEERPIDFD;
#else
constexpr int kPeerPidfd = 77;  // Linux 6.5; the headers may be older than the kernel
#endif
constexpr int kDiscard = 64;  // packets: a peer that floods us loses our last words

}  // namespace

Status open_peer_pidfd(int socket, int32_t pid, Fd* out, Error* error) {
  int fd = -1;
  socklen_t size = sizeof fd;
  if (getsockopt(socket, SOL_SOCKET, kPeerPidfd, &fd, &size) == 0) {
    *out = Fd(fd);
    return Status::ok;
  }
  // Older kernels: by number. The number can only have been given to another process if the peer has died, and then its
  // end is closed.
  Fd opened(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!opened.valid()) return error->fail_os("pidfd_open", "cannot watch process " + std::to_string(pid));
  pollfd look{socket, POLLIN | POLLRDHUP, 0};
  if (poll(&look, 1, 0) == 1 && (look.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0) return Status::ended;
  *out = std::move(opened);
  return Status::ok;
}

Connection::~Connection() {
  if (socket_.valid()) epoll_ctl(epoll_, EPOLL_CTL_DEL, socket_.get(), nullptr);
}

Status Connection::watch(uint64_t key, Error* error) {
  key_ = key;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = key;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket_.get(), &event) != 0)
    return error->fail_os("epoll_ctl", "cannot watch a node's socket");
  return Status::ok;
}

void Connection::arm(bool writable) {
  if (armed_ == writable) return;
  armed_ = writable;
  epoll_event event{};
  event.events = writable ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u64 = key_;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, socket_.get(), &event);
}

bool Connection::try_send(const Waiting& packet) {
  int fds[kMaxFds];
  size_t count = 0;
  for (const SharedFd& fd : packet.fds) fds[count++] = fd->get();
  Error error;
  const Status status = send_packet(socket_.get(), packet.bytes, {fds, count}, &error);
  if (status == Status::ok) return true;
  if (status == Status::would_block) return false;
  if (status == Status::os_error &&
      (error.os_errno == ETOOMANYREFS || error.os_errno == ENOBUFS || error.os_errno == ENOMEM)) {
    retry_ = true;  // too many descriptors under way for this user: the receivers have to read first
    return false;
  }
  // A peer that is gone is reported by the reading side, after what it said last has been read.
  if (status != Status::ended) doom("cannot send to it: " + error.message);
  return true;
}

void Connection::enqueue(std::vector<uint8_t> bytes, const std::vector<SharedFd>& fds) {
  if (doomed_) return;
  Waiting packet{std::move(bytes), fds};
  if (queue_.empty() && try_send(packet)) return;
  if (queue_.size() >= most_) return doom("it has left " + std::to_string(most_) + " packets of the daemon unread");
  queue_.push_back(std::move(packet));
  arm(!retry_);
}

void Connection::flush() {
  retry_ = false;
  while (!queue_.empty() && !doomed_ && try_send(queue_.front())) queue_.pop_front();
  arm(!queue_.empty() && !retry_);
}

void Connection::discard_input() {
  Packet packet;
  Error error;
  for (int i = 0; i < kDiscard; i++) {
    const Status status = receive(&packet, &error);
    if (status == Status::empty || status == Status::ended || status == Status::os_error) return;
  }
}

void Connection::doom(std::string why) {
  if (doomed_) return;
  doomed_ = true;
  doom_reason_ = std::move(why);
}

}  // namespace dora::broker
