// Joining the broker: tokens, versions, nonsense, hostile peers, pools, and what the daemon may announce.
#include "broker_harness.h"

using namespace dora;
using namespace dora::test;
using Kind = BrokerEvent::Kind;

namespace {

constexpr uint8_t kVersion = wire::kProtocolVersion;

/// Two nodes that have nothing to do with each other: whatever one does, the other goes on.
struct Neighbours {
  explicit Neighbours(Harness& h) {
    auto specs = std::vector<BrokerNode>{Harness::node("bad", {"out"}), Harness::node("good", {"out"})};
    for (auto& spec : specs) spec.barrier = false;
    tokens = h.add(specs);
    good = h.connect();
    good.join(tokens[1]);
  }
  /// The broker still answers the other node.
  void check_good(Harness& h) {
    good.ready();
    CHECK(h.wait_event(Kind::joined, "good").pid == good.process.pid());
    REQUIRE(good.send(wire::GrantRequest{7, 4096}) == Status::ok);
    CHECK(good.expect<wire::Grant>().granted == 4096);
  }
  std::vector<std::string> tokens;
  FakeNode good;
};

Status announce(Harness& h, const std::vector<BrokerNode>& nodes, Error* error) {
  std::vector<std::string> tokens;
  const Status status = h.broker->add_nodes(nodes, &tokens, error);
  CHECK(tokens.empty() == (status != Status::ok));
  return status;
}

}  // namespace

TEST_CASE("a joining node gets its description, in order") {
  Harness h;
  auto node = Harness::node("camera", {"image", "depth"});
  node.restart_count = 3;
  node.outputs[1].retain = 5;
  BrokerInput tick;
  tick.id = "tick";
  tick.kind = wire::InputKind::timer;
  tick.period_ns = 100'000'000;
  tick.source_text = "dora/timer/millis/100";
  tick.priority = 9;
  node.inputs.push_back(tick);
  const auto tokens = h.add({node});
  CHECK(tokens[0].size() == 64);
  CHECK(h.broker->node_config(tokens[0]) == "1 " + tokens[0] + " " + h.broker->socket_path());
  FakeNode camera = h.connect();
  camera.join(tokens[0]);
  CHECK(camera.welcome.node == "camera");
  CHECK(camera.welcome.dataflow == "flow");
  CHECK(camera.welcome.restart_count == 3);
  CHECK(camera.welcome.flags == wire::kBarrier);
  CHECK(camera.welcome.granted == 2 << 20);
  CHECK(camera.welcome.grace_ns == 5'000'000'000);
  CHECK(camera.inputs[0].source == "dora/timer/millis/100");
  CHECK(camera.inputs[0].period_ns == 100'000'000);
  CHECK(camera.inputs[0].priority == 9);
  CHECK(camera.outputs[1].retain == 5);
  CHECK(camera.outputs[0].max_slots == 1024);
  CHECK(camera.outputs[0].map_bytes == 256 << 20);
  const auto* inbox = reinterpret_cast<const InboxShared*>(camera.inbox.data());
  CHECK(inbox->magic == kInboxMagic);
  const auto* ledger = reinterpret_cast<const LedgerHead*>(camera.ledger.data());
  CHECK(ledger->magic == kLedgerMagic);
  CHECK(ledger->inputs == 1);
  CHECK(ledger->outputs == 2);
  CHECK(!wait_readable(camera.broker_pidfd.get(), 0));
  camera.ready();
  CHECK(h.wait_event(Kind::joined, "camera").pid == camera.process.pid());
  camera.expect<wire::Start>();
}

TEST_CASE("slots are enough for every queue, what receivers may hold and what is retained, in words of 64") {
  Harness h;
  std::vector<BrokerNode> nodes{Harness::node("source", {"out"})};
  nodes[0].outputs[0].retain = 100;
  for (int i = 0; i < 3; i++) {
    nodes.push_back(Harness::node("sink" + std::to_string(i)));
    nodes.back().inputs.push_back(Harness::input("in", "source/out", 1000));
  }
  const auto tokens = h.add(nodes);
  FakeNode source = h.connect();
  source.join(tokens[0]);
  CHECK(source.outputs[0].max_slots >= 3 * (1000 + 16) + 100 + 256);
  CHECK(source.outputs[0].max_slots % 64 == 0);
}

TEST_CASE("an unknown token and a used one are refused with words, and said") {
  Harness h;
  const auto tokens = h.add({Harness::node("camera")});
  FakeNode stranger = h.connect();
  REQUIRE(stranger.hello(std::string(64, 'a')) == Status::ok);
  const auto refused = stranger.expect<wire::Refused>();
  CHECK(refused.status == DORA_JOIN_REFUSED);
  CHECK(!refused.message.empty());
  CHECK(!refused.hint.empty());
  CHECK(stranger.is_closed());
  CHECK(h.wait_event(Kind::refused).pid == stranger.process.pid());

  FakeNode camera = h.connect();
  camera.join(tokens[0]);
  FakeNode copy = h.connect();
  REQUIRE(copy.hello(tokens[0]) == Status::ok);
  CHECK(copy.expect<wire::Refused>().status == DORA_JOIN_REFUSED);
  camera.ready();
  camera.expect<wire::Start>();
}

TEST_CASE("a token is void once its node has ended") {
  Harness h;
  const auto tokens = h.add({Harness::node("camera")});
  h.broker->node_ended("flow", "camera", false, true);
  FakeNode late = h.connect();
  REQUIRE(late.hello(tokens[0]) == Status::ok);
  CHECK(late.expect<wire::Refused>().status == DORA_JOIN_REFUSED);
}

TEST_CASE("another protocol version is refused, both versions named") {
  Harness h;
  const auto tokens = h.add({Harness::node("camera")});
  FakeNode camera = h.connect();
  auto bytes = wire::encode(wire::Hello{});
  bytes[2] = 77;
  REQUIRE(camera.send_raw(bytes) == Status::ok);
  const auto refused = camera.expect<wire::Refused>();
  CHECK(refused.status == DORA_VERSION_MISMATCH);
  CHECK(refused.message.find("77") != std::string::npos);
  CHECK(refused.message.find(std::to_string(wire::kProtocolVersion)) != std::string::npos);
}

TEST_CASE("nonsense before Hello is refused and harms nobody") {
  Harness h;
  Neighbours n(h);
  std::vector<std::vector<uint8_t>> firsts{
      {1}, {1, 0, kVersion}, {1, 0, kVersion, 0}, std::vector<uint8_t>(40, 0xff), wire::encode(wire::Ready{})};
  auto long_hello = wire::encode(wire::Hello{});
  long_hello.push_back(0);
  firsts.push_back(long_hello);
  firsts.push_back(std::vector<uint8_t>(65536, 1));
  for (const auto& bytes : firsts) {
    FakeNode node = h.connect();
    REQUIRE(node.send_raw(bytes) == Status::ok);
    CHECK(node.expect<wire::Refused>().status == DORA_JOIN_REFUSED);
    CHECK(node.is_closed());
  }
  n.check_good(h);
}

TEST_CASE("nonsense after joining disconnects that node, with the reason said, and nobody else") {
  const std::vector<std::vector<uint8_t>> packets{
      {2, 0, kVersion, 0},  // a Pool without its fields
      {0xff, 0xff, kVersion, 0},
      {9, 0, kVersion + 1, 0},        // Bye of another version
      wire::encode(wire::Hello{}),    // twice
      wire::encode(wire::Welcome{}),  // the broker's own
      wire::encode(wire::OutputClosed{9}),
      wire::encode(wire::Ready{}),  // without its pool
      wire::encode(wire::Pool{0}),  // without its descriptor
      std::vector<uint8_t>(65536, 7),
  };
  for (const auto& bytes : packets) {
    CAPTURE(bytes.size());
    Harness h;
    Neighbours n(h);
    FakeNode bad = h.connect();
    bad.join(n.tokens[0]);
    REQUIRE(bad.send_raw(bytes) == Status::ok);
    const auto event = h.wait_event(Kind::lost, "bad");
    CHECK(!event.text.empty());
    CHECK(bad.is_closed());
    n.check_good(h);
  }
}

TEST_CASE("packets larger than the protocol's, and descriptors beyond its number, are not kept") {
  Harness h;
  Neighbours n(h);
  FakeNode bad = h.connect();
  bad.join(n.tokens[0]);
  const std::vector<uint8_t> large(100'000, 1);
  REQUIRE(::send(bad.socket.get(), large.data(), large.size(), MSG_NOSIGNAL) > 0);
  CHECK(h.wait_event(Kind::lost, "bad").text.find("truncated") != std::string::npos);
  n.check_good(h);
}

TEST_CASE("a flood of descriptors leaves none open in the broker") {
  Harness h;
  Neighbours n(h);
  const auto open_files = [] {
    int count = 0;
    for (int fd = 0; fd < 4096; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
  };
  const int before = open_files();
  for (int round = 0; round < 20; round++) {
    FakeNode node = h.connect();
    // More than a packet may carry, by hand.
    int fds[100];
    for (int& fd : fds) fd = node.socket.get();
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)];
    memset(control, 0, sizeof control);
    const auto hello = wire::encode(wire::Hello{});
    iovec part{const_cast<uint8_t*>(hello.data()), hello.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fds);
    memcpy(CMSG_DATA(header), fds, sizeof fds);
    REQUIRE(sendmsg(node.socket.get(), &message, MSG_NOSIGNAL) > 0);
    // Its socket was inside the message, so its end is seen once that is gone.
    CHECK(node.is_closed());
  }
  n.check_good(h);
  CHECK(open_files() <= before + 1);  // the good node's pool
}

TEST_CASE("descriptors where none belong disconnect the node") {
  Harness h;
  Neighbours n(h);
  FakeNode bad = h.connect();
  bad.join(n.tokens[0]);
  REQUIRE(bad.send(wire::RequestStop{}, {0, 1, 2}) == Status::ok);
  h.wait_event(Kind::lost, "bad");
  CHECK(h.count_seen(Kind::request_stop) == 0);
  n.check_good(h);
}

TEST_CASE("only sealed memory of the right size is taken as a pool") {
  constexpr int kGood = F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE;
  Harness h;
  Error error;
  struct Case {
    const char* name;
    Fd fd;
  };
  std::vector<Case> cases;
  cases.push_back({"unsealed", FakeNode::make_pool(4096, 0)});
  cases.push_back({"may shrink", FakeNode::make_pool(4096, F_SEAL_FUTURE_WRITE)});
  cases.push_back({"others may write", FakeNode::make_pool(4096, F_SEAL_SHRINK)});
  cases.push_back({"no memfd", Fd(open("/dev/null", O_RDWR | O_CLOEXEC))});
  cases.push_back({"a folder", Fd(open("/", O_RDONLY | O_CLOEXEC))});
  Fd huge(memfd_create("test-pool", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(ftruncate(huge.get(), int64_t{1} << 40) == 0);
  REQUIRE(add_seals(huge.get(), kGood, &error) == Status::ok);
  cases.push_back({"too large", std::move(huge)});
  // A kernel without huge pages refuses to make one; then no node can bring one either.
  Fd pages(memfd_create("test-pool", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB));
  if (pages.valid()) {
    REQUIRE(add_seals(pages.get(), kGood, &error) == Status::ok);
    cases.push_back({"huge pages", std::move(pages)});
  }
  uint32_t restarts = 0;
  auto spec = Harness::node("camera", {"image"});
  std::string token = h.add({spec})[0];
  for (const Case& c : cases) {
    CAPTURE(c.name);
    FakeNode camera = h.connect();
    camera.join(token);
    REQUIRE(camera.send(wire::Pool{0}, {c.fd.get()}) == Status::ok);
    CHECK(h.wait_event(Kind::lost, "camera").text.find("image") != std::string::npos);
    h.kill(&camera, "camera", false);
    token = h.again(spec, ++restarts);
  }
  FakeNode camera = h.join_ready(token);
  h.wait_event(Kind::joined, "camera");
  const Fd second = FakeNode::make_pool(4096, kGood);
  REQUIRE(camera.send(wire::Pool{0}, {second.get()}) == Status::ok);
  h.wait_event(Kind::lost, "camera");
}

TEST_CASE("a connection that never says Hello is dropped") {
  Harness h;
  FakeNode silent = h.connect();
  CHECK(silent.is_closed());
  CHECK(h.wait_event(Kind::refused).pid == silent.process.pid());
}

TEST_CASE("many silent connections do not keep nodes from joining") {
  Harness h;
  const auto tokens = h.add({Harness::node("camera")});
  std::vector<Fd> silent;
  Error error;
  for (int i = 0; i < 200; i++) {
    Fd fd;
    REQUIRE(connect_unix(h.broker->socket_path(), &fd, &error) == Status::ok);
    silent.push_back(std::move(fd));
  }
  FakeNode camera = h.join_ready(tokens[0]);
  camera.expect<wire::Start>();
}

TEST_CASE("a node that does not read is given up, the others go on") {
  Harness h;
  Neighbours n(h);
  FakeNode bad = h.connect();
  bad.join(n.tokens[0]);
  // Grants of nothing: each is answered. The broker reads as fast as we send, so this ends when it gives the node up.
  for (uint64_t i = 0; i < 200'000; i++) {
    if (bad.send(wire::GrantRequest{i, 0}) != Status::ok) break;
  }
  CHECK(h.wait_event(Kind::lost, "bad").text.find("packets of the daemon unread") != std::string::npos);
  n.check_good(h);
}

TEST_CASE("kill -9 of a connected node is seen, though somebody still holds its socket") {
  Harness h;
  const auto tokens = h.add({Harness::node("camera")});
  FakeNode camera = h.join_ready(tokens[0]);
  h.wait_event(Kind::joined, "camera");
  const int32_t pid = camera.process.pid();
  camera.process.kill_now();
  CHECK(h.wait_event(Kind::lost, "camera").pid == pid);
  CHECK(camera.is_closed());
  h.broker->node_ended("flow", "camera", true, true);
  CHECK(h.count_seen(Kind::lost) == 1);
}

TEST_CASE("Bye is left, a closed socket without it is lost, each said once") {
  Harness h;
  const auto tokens = h.add({Harness::node("a"), Harness::node("b")});
  FakeNode a = h.join_ready(tokens[0]);
  FakeNode b = h.join_ready(tokens[1]);
  REQUIRE(a.send(wire::Bye{}) == Status::ok);
  h.wait_event(Kind::left, "a");
  a.socket.reset();
  b.socket.reset();
  h.wait_event(Kind::lost, "b");
  h.kill(&a, "a", true);
  h.kill(&b, "b", true);
  BrokerEvent event;
  while (h.broker->next_event(&event)) h.seen.push_back(event);
  CHECK(h.count_seen(Kind::left) == 1);
  CHECK(h.count_seen(Kind::lost) == 1);
}

TEST_CASE("what cannot be a dataflow is refused in words, and leaves no trace") {
  Harness h;
  Error error;
  auto sink = Harness::node("sink");
  sink.inputs.push_back(Harness::input("in", "camera/image"));
  CHECK(announce(h, {sink}, &error) == Status::invalid_argument);
  CHECK(error.message.find("camera") != std::string::npos);
  CHECK(announce(h, {Harness::node("camera", {"depth"}), sink}, &error) == Status::invalid_argument);
  CHECK(error.hint.find("depth") != std::string::npos);
  CHECK(announce(h, {Harness::node("a"), Harness::node("a")}, &error) == Status::invalid_argument);
  CHECK(announce(h, {Harness::node("a", {"x", "x"})}, &error) == Status::invalid_argument);
  CHECK(announce(h, {Harness::node("")}, &error) == Status::invalid_argument);
  auto bad_queue = sink;
  for (const uint32_t size : {0u, kMaxQueueSize + 1}) {
    bad_queue.inputs[0].queue_size = size;
    CHECK(announce(h, {Harness::node("camera", {"image"}), bad_queue}, &error) == Status::invalid_argument);
  }
  auto twice = sink;
  twice.inputs.push_back(twice.inputs[0]);
  CHECK(announce(h, {Harness::node("camera", {"image"}), twice}, &error) == Status::invalid_argument);
  auto many = Harness::node("many");
  for (uint32_t i = 0; i <= kMaxInputs; i++)
    many.inputs.push_back(Harness::input("in" + std::to_string(i), "camera/image"));
  CHECK(announce(h, {Harness::node("camera", {"image"}), many}, &error) == Status::invalid_argument);
  CHECK(error.message.find("1025") != std::string::npos);
  CHECK(h.broker->counts("flow").empty());
  many.inputs.pop_back();
  CHECK(announce(h, {Harness::node("camera", {"image"}), many}, &error) == Status::ok);
  CHECK(announce(h, {Harness::node("camera", {"image"})}, &error) == Status::invalid_argument);
  h.broker->node_ended("flow", "camera", true, false);
  CHECK(announce(h, {Harness::node("camera", {"other"})}, &error) == Status::invalid_argument);
  CHECK(announce(h, {Harness::node("camera", {"image"})}, &error) == Status::ok);
}

TEST_CASE("a removed dataflow is forgotten: tokens, connections, counts; its name is free again") {
  Harness h;
  const auto specs = Harness::pair();
  const auto tokens = h.add(specs);
  FakeNode camera = h.join_ready(tokens[0]);
  h.broker->remove_dataflow("flow");
  CHECK(camera.is_closed());
  CHECK(h.broker->counts("flow").empty());
  FakeNode late = h.connect();
  REQUIRE(late.hello(tokens[1]) == Status::ok);
  CHECK(late.expect<wire::Refused>().status == DORA_JOIN_REFUSED);
  RunningPair again(h);
  h.broker->remove_dataflow("nothing");
}
