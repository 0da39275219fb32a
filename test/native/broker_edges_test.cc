// The broker's edges: the order in which both ends learn of them, the start barrier, peers that return, and closing.
#include "broker_harness.h"

using namespace dora;
using namespace dora::test;
using Kind = BrokerEvent::Kind;

TEST_CASE("nodes join in either order: publisher first, then subscriber, then everybody starts") {
  for (const bool subscriber_first : {false, true}) {
    Harness h;
    const auto tokens = h.add(Harness::pair());
    FakeNode camera, plot;
    if (subscriber_first) {
      plot = h.join_ready(tokens[1]);
      h.wait_event(Kind::joined, "plot");
      CHECK(plot.is_quiet());
      camera = h.join_ready(tokens[0]);
    } else {
      camera = h.join_ready(tokens[0]);
      h.wait_event(Kind::joined, "camera");
      CHECK(camera.is_quiet());
      plot = h.join_ready(tokens[1]);
    }
    wire::OpenOut out;
    FakeEdge edge = camera.take_open_out(&out);
    CHECK(out.is_return == 0);
    CHECK(out.peer == "plot/image");
    CHECK(out.peer_incarnation == plot.welcome.incarnation);
    CHECK(edge.constants.queue_size == 10);
    CHECK(edge.constants.cells == 16);
    CHECK(edge.constants.rel_words * 64 == camera.outputs[0].max_slots);
    CHECK(edge.constants.input_bit == plot.inputs[0].bit);
    CHECK(plot.is_quiet());
    camera.answer(edge);
    wire::OpenIn in;
    FakeEdge other = plot.open_in(&in);
    CHECK(in.edge_id == out.edge_id);
    CHECK(in.region_id == out.region_id);
    CHECK(in.peer == "camera/image");
    CHECK(in.map_bytes == camera.outputs[0].map_bytes);
    edge.put(3);
    CHECK(other.head() == 3);
    camera.expect<wire::Start>();
    plot.expect<wire::Start>();
    CHECK(h.wait_event(Kind::started).dataflow == "flow");
  }
}

TEST_CASE("regions, inboxes and ledgers cannot be resized by those who get them") {
  Harness h;
  const auto tokens = h.add(Harness::pair());
  FakeNode camera = h.join_ready(tokens[0]);
  FakeNode plot = h.connect();
  REQUIRE(plot.hello(tokens[1]) == Status::ok);
  std::vector<Fd> fds;
  plot.expect<wire::Welcome>(&fds);
  for (const size_t i : {0, 2}) {
    CHECK(ftruncate(fds[i].get(), 0) != 0);
    CHECK(ftruncate(fds[i].get(), 1 << 20) != 0);
  }
  plot.expect<wire::Input>();
  plot.expect<wire::SpecEnd>();
  plot.ready();
  camera.expect<wire::OpenOut>(&fds);
  CHECK(ftruncate(fds[0].get(), 0) != 0);
  CHECK(ftruncate(fds[0].get(), 1 << 20) != 0);
}

TEST_CASE("the barrier waits for a node that died before Ready to come back") {
  Harness h;
  const auto specs = Harness::pair();
  const auto tokens = h.add(specs);
  FakeNode camera = h.join_ready(tokens[0]);
  FakeNode plot = h.connect();
  plot.join(tokens[1]);
  h.kill(&plot, "plot", false);
  h.wait_event(Kind::lost, "plot");
  CHECK(camera.is_quiet());
  FakeNode returned = h.join_ready(h.again(specs[1]));
  wire::OpenOut out;
  camera.open_out(&out);
  CHECK(out.is_return == 0);
  returned.open_in();
  returned.expect<wire::Start>();
  camera.expect<wire::Start>();
}

TEST_CASE("the barrier goes on without a node that ended for good before Ready") {
  Harness h;
  const auto tokens = h.add(Harness::pair());
  FakeNode plot = h.join_ready(tokens[1]);
  h.wait_event(Kind::joined, "plot");
  h.broker->node_ended("flow", "camera", true, true);
  plot.expect<wire::Start>();
  // What is closed already is said after the start, not before.
  const auto close = plot.expect<wire::CloseIn>();
  CHECK(close.input == 0);
  CHECK(close.reason == DORA_REASON_CRASHED);
}

TEST_CASE("the barrier does not wait for an edge whose publisher died before it answered") {
  Harness h;
  const auto tokens = h.add(Harness::pair());
  FakeNode camera = h.join_ready(tokens[0]);
  FakeNode plot = h.join_ready(tokens[1]);
  camera.take_open_out();
  h.kill(&camera, "camera", true);
  plot.expect<wire::Start>();
  CHECK(plot.expect<wire::CloseIn>().reason == DORA_REASON_CRASHED);
}

TEST_CASE("the end of a publisher never overtakes the opening of its edge") {
  Harness h;
  const auto tokens = h.add(Harness::pair());
  FakeNode camera = h.join_ready(tokens[0]);
  FakeNode plot = h.join_ready(tokens[1]);
  FakeEdge edge = camera.take_open_out();
  edge.put(2);
  camera.answer(edge);
  REQUIRE(camera.send(wire::OutputClosed{0}) == Status::ok);
  REQUIRE(camera.send(wire::Bye{}) == Status::ok);
  h.kill(&camera, "camera", true);  // at once: the broker must read what the socket still holds
  CHECK(plot.open_in().head() == 2);
  plot.expect<wire::Start>();
  CHECK(plot.expect<wire::CloseIn>().reason == DORA_REASON_ENDED);
  h.wait_event(Kind::left, "camera");
  CHECK(h.count_seen(Kind::lost) == 0);
}

TEST_CASE("an output that closes, closes its inputs once") {
  Harness h;
  RunningPair p(h);
  REQUIRE(p.camera.send(wire::OutputClosed{0}) == Status::ok);
  const auto close = p.plot.expect<wire::CloseIn>();
  CHECK(close.reason == DORA_REASON_ENDED);
  h.kill(&p.camera, "camera", true);
  CHECK(p.plot.is_quiet());
}

TEST_CASE("a crash is told as a crash, an end as an end") {
  for (const bool crashed : {true, false}) {
    Harness h;
    RunningPair p(h);
    p.camera.process.kill_now();
    h.broker->node_ended("flow", "camera", true, crashed);
    CHECK(p.plot.expect<wire::CloseIn>().reason == (crashed ? DORA_REASON_CRASHED : DORA_REASON_ENDED));
  }
}

TEST_CASE("a subscriber that ends for good is closed at its publisher; one that may return is not") {
  Harness h;
  RunningPair p(h);
  h.kill(&p.plot, "plot", false);
  CHECK(p.camera.is_quiet());
  h.broker->node_ended("flow", "plot", true, true);
  CHECK(p.camera.expect<wire::CloseOut>().edge_id == p.out.edge_id);
}

TEST_CASE("a returned subscriber gets a new region that goes through the publisher first") {
  Harness h;
  RunningPair p(h);
  h.kill(&p.plot, "plot", false);
  FakeNode plot = h.join_ready(h.again(p.specs[1]));
  CHECK((plot.welcome.flags & wire::kBarrier) != 0);
  CHECK(plot.welcome.restart_count == 1);
  CHECK(plot.welcome.incarnation != p.plot.welcome.incarnation);
  wire::OpenOut out;
  FakeEdge edge = p.camera.take_open_out(&out);
  CHECK(out.is_return == 1);
  CHECK(out.edge_id == p.out.edge_id);
  CHECK(out.region_id != p.out.region_id);
  CHECK(plot.is_quiet());
  p.camera.answer(edge);
  plot.open_in();
  plot.expect<wire::Start>();
  CHECK(p.camera.is_quiet());
}

TEST_CASE("a returned publisher is a new one: fresh region, and its subscriber keeps going") {
  Harness h;
  RunningPair p(h);
  p.out.put(5);
  h.kill(&p.camera, "camera", false);
  CHECK(p.plot.is_quiet());
  FakeNode camera = h.join_ready(h.again(p.specs[0]));
  wire::OpenOut out;
  FakeEdge edge = camera.open_out(&out);
  CHECK(out.is_return == 0);
  CHECK(edge.head() == 0);
  wire::OpenIn in;
  p.plot.open_in(&in);
  CHECK(in.input == 0);
  CHECK(in.peer_incarnation == camera.welcome.incarnation);
  CHECK(p.in.head() == 5);
  camera.expect<wire::Start>();
}

TEST_CASE("a subscriber that dies while its edge opens gets it when it is back") {
  Harness h;
  const auto specs = Harness::pair();
  const auto tokens = h.add(specs);
  FakeNode camera = h.join_ready(tokens[0]);
  FakeNode plot = h.join_ready(tokens[1]);
  FakeEdge first = camera.take_open_out();
  h.kill(&plot, "plot", false);
  FakeNode returned = h.join_ready(h.again(specs[1]));
  wire::OpenOut out;
  FakeEdge second = camera.take_open_out(&out);
  CHECK(out.is_return == 1);
  camera.answer(first);
  camera.answer(second);
  wire::OpenIn in;
  returned.open_in(&in);
  CHECK(in.region_id == second.region_id);
  returned.expect<wire::Start>();
}

TEST_CASE("a node whose earlier process still runs gets its edges only when that is dead") {
  Harness h;
  RunningPair p(h);
  h.broker->node_ended("flow", "plot", false, true);  // the daemon has reaped a wrapper; the process lives on
  h.wait_event(Kind::lost, "plot");
  CHECK(p.plot.is_closed());
  FakeNode plot = h.join_ready(h.again(p.specs[1]));
  h.wait_event(Kind::joined, "plot");
  CHECK(p.camera.is_quiet());
  p.plot.process.kill_now();
  p.camera.open_out();
  plot.open_in();
  plot.expect<wire::Start>();
}

TEST_CASE("a late joiner starts at once and gets its edge while data flows") {
  Harness h;
  RunningPair p(h);
  BrokerNode echo = Harness::node("echo");
  echo.barrier = false;
  echo.inputs.push_back(Harness::input("in", "camera/image"));
  FakeNode late = h.join_ready(h.add({echo})[0]);
  CHECK((late.welcome.flags & wire::kBarrier) == 0);
  wire::OpenOut out;
  p.camera.open_out(&out);
  CHECK(out.is_return == 0);
  CHECK(out.edge_id != p.out.edge_id);
  late.open_in();
  CHECK(p.plot.is_quiet());
}

TEST_CASE("a late joiner hears at once of a source that has ended for good, and waits for one that has not started") {
  Harness h;
  RunningPair p(h);
  h.add({Harness::node("sleepy", {"x"})});
  h.kill(&p.camera, "camera", true);
  BrokerNode echo = Harness::node("echo");
  echo.barrier = false;
  echo.inputs.push_back(Harness::input("in", "sleepy/x"));
  echo.inputs.push_back(Harness::input("image", "camera/image"));
  FakeNode late = h.join_ready(h.add({echo})[0]);
  CHECK(late.expect<wire::CloseIn>().input == 1);
  h.wait_event(Kind::joined, "echo");
  CHECK(late.is_quiet());
}

TEST_CASE("a node may subscribe to itself through an edge") {
  Harness h;
  auto loop = Harness::node("loop", {"out"});
  loop.inputs.push_back(Harness::input("in", "loop/out"));
  FakeNode node = h.join_ready(h.add({loop})[0]);
  CHECK(node.outputs[0].external == 1);
  node.open_out();
  node.open_in();
  node.expect<wire::Start>();
}

TEST_CASE("inputs fed by the same process need no edge, and an output read by nobody else no shared memory") {
  Harness h;
  auto runtime = Harness::node("runtime", {"shared", "inner", "unread"});
  runtime.inputs.push_back(Harness::input("a", "runtime/inner"));
  runtime.inputs.back().kind = wire::InputKind::local;
  runtime.inputs.push_back(Harness::input("b", "runtime/shared"));
  runtime.inputs.back().kind = wire::InputKind::local;
  auto sink = Harness::node("sink");
  sink.inputs.push_back(Harness::input("in", "runtime/shared"));
  const auto tokens = h.add({runtime, sink});
  FakeNode node = h.join_ready(tokens[0]);
  CHECK(node.inputs[0].local_output == 1);
  CHECK(node.inputs[1].local_output == 0);
  CHECK(node.outputs[0].external == 1);
  CHECK(node.outputs[1].external == 0);
  CHECK(node.outputs[2].external == 1);
  FakeNode reader = h.join_ready(tokens[1]);
  node.open_out();
  reader.open_in();
  reader.expect<wire::Start>();
  node.expect<wire::Start>();
}

TEST_CASE("a corrupt publisher is reported and its edge closed at both ends, under a new id when it opens again") {
  Harness h;
  RunningPair p(h);
  REQUIRE(p.plot.send(wire::Corrupt{p.in.edge_id, "slot 4000000000"}) == Status::ok);
  const auto event = h.wait_event(Kind::corrupt, "plot");
  CHECK(event.text.find("camera/image") != std::string::npos);
  CHECK(event.text.find("slot 4000000000") != std::string::npos);
  CHECK(p.camera.expect<wire::CloseOut>().edge_id == p.out.edge_id);
  h.kill(&p.plot, "plot", false);
  FakeNode plot = h.join_ready(h.again(p.specs[1]));
  wire::OpenOut out;
  p.camera.open_out(&out);
  CHECK(out.edge_id != p.out.edge_id);
  CHECK(out.is_return == 0);
  plot.open_in();
}

TEST_CASE("a corrupt subscriber hears that its input is closed") {
  Harness h;
  RunningPair p(h);
  REQUIRE(p.camera.send(wire::Corrupt{p.out.edge_id, "tail beyond head"}) == Status::ok);
  CHECK(h.wait_event(Kind::corrupt, "camera").text.find("plot/image") != std::string::npos);
  CHECK(p.plot.expect<wire::CloseIn>().reason == DORA_REASON_CORRUPT);
  CHECK(p.camera.expect<wire::CloseOut>().edge_id == p.out.edge_id);
  // An edge that nobody has changes nothing.
  REQUIRE(p.camera.send(wire::Corrupt{1, "?"}) == Status::ok);
  REQUIRE(p.camera.send(wire::RequestStop{}) == Status::ok);
  h.wait_event(Kind::request_stop, "camera");
  CHECK(p.plot.is_quiet());
}

TEST_CASE("a publisher that refuses an edge does not hold up the start") {
  Harness h;
  const auto tokens = h.add(Harness::pair());
  FakeNode camera = h.join_ready(tokens[0]);
  FakeNode plot = h.join_ready(tokens[1]);
  FakeEdge edge = camera.take_open_out();
  camera.answer(edge, DORA_OS_ERROR);
  CHECK(h.wait_event(Kind::refused, "plot").text.find("OS_ERROR") != std::string::npos);
  camera.expect<wire::Start>();
  plot.expect<wire::Start>();
  CHECK(plot.expect<wire::CloseIn>().reason == DORA_REASON_FAILURE);
}

TEST_CASE("a stop reaches a node that is there, and one that is still joining as soon as it can hear it") {
  Harness h;
  const auto tokens = h.add(Harness::pair());
  FakeNode camera = h.join_ready(tokens[0]);
  h.broker->stop_node("flow", "camera", DORA_REASON_USER, 123);
  h.broker->stop_node("flow", "plot", DORA_REASON_USER, 456);
  CHECK(camera.expect<wire::Stop>().grace_ns == 123);
  FakeNode plot = h.connect();
  plot.join(tokens[1]);
  CHECK(plot.expect<wire::Stop>().grace_ns == 456);
}

TEST_CASE(
    "peers of a port that moved to another consumer are told its inbox and its doorbell, and later peers get them") {
  Harness h;
  RunningPair pair(h);
  const auto move = [](FakeNode& node, uint32_t is_output) {
    REQUIRE(node.send(wire::AddPart{1}) == Status::ok);
    std::vector<Fd> fds;
    const auto added = node.expect<wire::PartAdded>(&fds);
    CHECK(added.part == 1);
    CHECK(added.status == 0);
    REQUIRE(fds.size() == 2);
    CHECK(file_size(fds[0].get()) == round_to_page(kInboxSize));
    REQUIRE(node.send(wire::MovePort{1, is_output, 0}) == Status::ok);
  };
  std::vector<Fd> fds;
  move(pair.plot, 0);
  CHECK(pair.camera.expect<wire::MoveOut>(&fds).edge_id == pair.out.edge_id);
  CHECK(fds.size() == 2);
  move(pair.camera, 1);
  const auto moved = pair.plot.expect<wire::MoveIn>(&fds);
  CHECK(moved.edge_id == pair.in.edge_id);
  CHECK(moved.input == 0);
  CHECK(fds.size() == 1);

  // The subscriber's next life begins with one consumer; the publisher's output is where it was moved to.
  h.kill(&pair.plot, "plot", false);
  FakeNode plot = h.join_ready(h.again(pair.specs[1]));
  const FakeEdge out = pair.camera.reopen_out(pair.out);
  plot.open_in();
  CHECK(pair.camera.is_quiet());
  CHECK(out.edge_id == pair.out.edge_id);
}

TEST_CASE("a process that names parts or ports that it does not have is disconnected") {
  const wire::AddPart not_next{2};
  const wire::MovePort no_part{1, 0, 0}, no_input{0, 0, 7}, no_output{0, 1, 0};
  const auto expect_doom = [](const auto& message) {
    Harness h;
    RunningPair pair(h);
    REQUIRE(pair.plot.send(message) == Status::ok);
    CHECK(pair.plot.is_closed());
    h.wait_event(BrokerEvent::Kind::lost, "plot");
  };
  expect_doom(not_next);
  expect_doom(no_part);
  expect_doom(no_input);
  expect_doom(no_output);
}

TEST_CASE("a process that moves its ports without end is disconnected, not the peer that does not hear so fast") {
  Harness h;
  RunningPair pair(h);
  bool gone = false;
  for (int i = 0; i < 100'000 && !gone; i++) gone = pair.plot.send(wire::MovePort{0, 0, 0}) != Status::ok;
  h.wait_event(BrokerEvent::Kind::lost, "plot");
  CHECK(h.count_seen(BrokerEvent::Kind::lost) == 1);
  CHECK(pair.camera.expect<wire::MoveOut>().edge_id == pair.out.edge_id);
}

TEST_CASE("memory for parts comes from the node's budget, and is refused in words") {
  Harness h;
  auto specs = Harness::pair();
  specs[1].memory_limit = 20 * page_size();
  const auto tokens = h.add(specs);
  FakeNode camera = h.join_ready(tokens[0]), plot = h.join_ready(tokens[1]);
  camera.open_out();
  plot.open_in();
  camera.expect<wire::Start>();
  plot.expect<wire::Start>();
  uint32_t part = 0;
  for (int32_t status = 0; status == 0;) {
    REQUIRE(plot.send(wire::AddPart{++part}) == Status::ok);
    const auto added = plot.expect<wire::PartAdded>();
    status = added.status;
    if (status != 0) CHECK(added.message.find("the node holds") != std::string::npos);
  }
  CHECK(part > 2);
  CHECK(part <= 20);
}
