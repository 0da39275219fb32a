// Packets over a unix socket: what is read after the peer has gone.
#include "core/unix_socket.h"

#include <sys/socket.h>

#include <vector>

#include "doctest/doctest.h"

using namespace dora;

namespace {

void make_pair(Fd* one, Fd* other) {
  int fds[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
  one->reset(fds[0]);
  other->reset(fds[1]);
}

}  // namespace

TEST_CASE("what a peer sent last is received, also when it went without reading what it was sent") {
  for (const bool unread : {false, true}) {
    CAPTURE(unread);
    Fd here, there;
    Error error;
    make_pair(&here, &there);
    const std::vector<uint8_t> bye = {1, 2, 3}, start = {9};
    if (unread) REQUIRE(send_packet(here.get(), start, {}, &error) == Status::ok);
    REQUIRE(send_packet(there.get(), bye, {}, &error) == Status::ok);
    there.reset();
    Packet packet;
    CHECK(receive_packet(here.get(), false, &packet, &error) == Status::ok);
    CHECK(packet.bytes == bye);
    CHECK(receive_packet(here.get(), false, &packet, &error) == Status::ended);
    CHECK(send_packet(here.get(), start, {}, &error) == Status::ended);
  }
}

TEST_CASE("an empty socket is empty, and a large packet arrives whole") {
  Fd here, there;
  Error error;
  make_pair(&here, &there);
  Packet packet;
  CHECK(receive_packet(here.get(), false, &packet, &error) == Status::empty);
  const std::vector<uint8_t> large(kMaxPacket, 7);
  REQUIRE(send_packet(there.get(), large, {}, &error) == Status::ok);
  CHECK(receive_packet(here.get(), true, &packet, &error) == Status::ok);
  CHECK(packet.bytes == large);
}
