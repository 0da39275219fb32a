// Packets with file descriptors. See unix_socket.h.
#include "core/unix_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace dora {
namespace {

Status make_address(const std::string& path, sockaddr_un* address, Error* error) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address->sun_path) {
    return error->fail(Status::invalid_argument, "socket path \"" + path + "\" is empty or longer than 107 bytes",
                       "Set XDG_RUNTIME_DIR or TMPDIR to a shorter folder.");
  }
  memcpy(address->sun_path, path.data(), path.size());
  return Status::ok;
}

Status new_socket(int flags, Fd* out, Error* error) {
  Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
  if (!fd.valid()) {
    error->fail_os("socket", "cannot make a unix socket");
    return Status::os_error;
  }
  *out = std::move(fd);
  return Status::ok;
}

}  // namespace

Status listen_unix(const std::string& path, Fd* out, Error* error) {
  sockaddr_un address;
  if (Status s = make_address(path, &address, error); s != Status::ok) return s;
  Fd fd;
  if (Status s = new_socket(SOCK_NONBLOCK, &fd, error); s != Status::ok) return s;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return error->fail_os("bind", "cannot listen at " + path);
  if (listen(fd.get(), 256) != 0) return error->fail_os("listen", "cannot listen at " + path);
  *out = std::move(fd);
  return Status::ok;
}

Status connect_unix(const std::string& path, Fd* out, Error* error) {
  sockaddr_un address;
  if (Status s = make_address(path, &address, error); s != Status::ok) return s;
  Fd fd;
  if (Status s = new_socket(0, &fd, error); s != Status::ok) return s;
  while (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EINTR) continue;
    return error->fail_os("connect", "cannot reach the daemon at " + path);
  }
  *out = std::move(fd);
  return Status::ok;
}

Status accept_unix(int listener, Fd* out, PeerCredentials* peer, Error* error) {
  int fd;
  do {
    fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED) return Status::empty;
    return error->fail_os("accept4", "cannot accept a node");
  }
  Fd owned(fd);
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return error->fail_os("getsockopt", "cannot read a node's credentials");
  *peer = {credentials.pid, credentials.uid, credentials.gid};
  *out = std::move(owned);
  return Status::ok;
}

Status send_packet(int socket, std::span<const uint8_t> bytes, std::span<const int> fds, Error* error) {
  if (bytes.size() > kMaxPacket || fds.size() > kMaxFds)
    return error->fail(Status::too_large,
                       "a control packet of " + std::to_string(bytes.size()) + " bytes is too large");
  iovec part{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxFds)];
  memset(control, 0, sizeof control);
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    memcpy(CMSG_DATA(header), fds.data(), sizeof(int) * fds.size());
  }
  for (;;) {
    if (sendmsg(socket, &message, MSG_NOSIGNAL) >= 0) return Status::ok;
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Status::would_block;
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return Status::ended;
    return error->fail_os("sendmsg", "cannot send a control packet");
  }
}

Status receive_packet(int socket, bool wait, Packet* out, Error* error) {
  out->bytes.resize(kMaxPacket);
  out->fds.clear();
  iovec part{out->bytes.data(), out->bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxFds)];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n;
  // A peer that closes with packets unread leaves a reset that comes before what it sent last (its Bye, say); it is
  // told once.
  bool reset = false;
  do {
    n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  } while (n < 0 && (errno == EINTR || (errno == ECONNRESET && !std::exchange(reset, true))));
  if (n < 0) {
    out->bytes.clear();
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Status::empty;
    if (errno == ECONNRESET) return Status::ended;
    return error->fail_os("recvmsg", "cannot receive a control packet");
  }
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      out->fds.emplace_back(fd);
    }
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    out->bytes.clear();
    out->fds.clear();
    return error->fail(Status::shm_corrupt, "a control packet arrived truncated");
  }
  out->bytes.resize(static_cast<size_t>(n));
  if (n == 0 && out->fds.empty()) return Status::ended;
  return Status::ok;
}

}  // namespace dora
