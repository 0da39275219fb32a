// Packets with file descriptors over a unix socket (SOCK_SEQPACKET: one send is one receive).
//
// Used by the node's side and the broker's side of joining. A packet is at most kMaxPacket bytes and carries at most
// kMaxFds descriptors; received descriptors are close-on-exec and owned by the packet. A truncated packet or one with
// too many descriptors is a protocol violation and reported as Status::shm_corrupt; nothing of it is kept.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/fd.h"
#include "core/status.h"

namespace dora {

constexpr size_t kMaxPacket = 65536;
constexpr size_t kMaxFds = 8;

struct Packet {
  std::vector<uint8_t> bytes;
  std::vector<Fd> fds;
};

/// Who is at the other end, as the kernel says it.
struct PeerCredentials {
  int32_t pid;
  uint32_t uid;
  uint32_t gid;
};

/// Binds and listens at `path` (at most 107 bytes); the folder must exist. Non-blocking.
Status listen_unix(const std::string& path, Fd* out, Error* error);
/// Connects; blocking socket.
Status connect_unix(const std::string& path, Fd* out, Error* error);
/// Accepts one connection, non-blocking; Status::empty when there is none.
Status accept_unix(int listener, Fd* out, PeerCredentials* peer, Error* error);
/// Sends one packet. Status::would_block when the socket's buffer is full and the socket does not block, ended when the
/// peer is gone.
Status send_packet(int socket, std::span<const uint8_t> bytes, std::span<const int> fds, Error* error);
/// Receives one packet: ok, empty (nothing there, with `wait` false), ended (peer gone), or a failure.
Status receive_packet(int socket, bool wait, Packet* out, Error* error);

}  // namespace dora
