// Exact counts of edges and ledgers, across kills and returns of either end: sent = received + dropped + in flight +
// lost, always.
#include <random>

#include "broker_harness.h"

using namespace dora;
using namespace dora::test;
using Kind = BrokerEvent::Kind;

namespace {

void check_identity(const InputCounts& c) {
  CHECK_MESSAGE(c.sent == c.received + c.dropped + c.in_flight + c.lost,
                c.sent << " sent, " << c.received << " received, " << c.dropped << " dropped, " << c.in_flight
                       << " in flight, " << c.lost << " lost");
}

void check_counts(const InputCounts& c, uint64_t sent, uint64_t received, uint64_t dropped, uint64_t in_flight,
                  uint64_t lost) {
  CHECK(c.sent == sent);
  CHECK(c.received == received);
  CHECK(c.dropped == dropped);
  CHECK(c.in_flight == in_flight);
  CHECK(c.lost == lost);
  check_identity(c);
}

/// The subscriber claims and says so.
void receive(FakeNode& node, FakeEdge& edge, uint64_t n) {
  edge.take(n);
  node.ledger_input(0).received.fetch_add(n);
}

/// The publisher takes back: nobody's ledger says so until the subscriber claims again.
void take_back(FakeEdge& edge, uint64_t n) { edge.take(n); }

}  // namespace

TEST_CASE("what was put, claimed, taken back and is under way") {
  Harness h;
  RunningPair p(h);
  check_counts(h.input_counts("plot"), 0, 0, 0, 0, 0);
  p.out.put(20);
  receive(p.plot, p.in, 3);
  take_back(p.out, 7);
  check_counts(h.input_counts("plot"), 20, 3, 7, 10, 0);
  receive(p.plot, p.in, 10);
  check_counts(h.input_counts("plot"), 20, 13, 7, 0, 0);
}

TEST_CASE("outputs, timers and local inputs are counted by their ledgers, over all lives") {
  Harness h;
  auto node = Harness::node("camera", {"image"});
  BrokerInput tick;
  tick.id = "tick";
  tick.kind = wire::InputKind::timer;
  tick.period_ns = 1000;
  node.inputs.push_back(tick);
  std::string token = h.add({node})[0];
  for (uint32_t life = 1; life <= 3; life++) {
    FakeNode camera = h.join_ready(token);
    h.wait_event(Kind::joined, "camera");
    camera.ledger_output(0).sent.store(10);
    camera.ledger_output(0).bytes.store(1000);
    camera.ledger_input(0).received.store(5);
    camera.ledger_input(0).dropped.store(2);
    const auto counts = h.broker->counts("flow");
    CHECK(counts[0].outputs[0].id == "image");
    CHECK(counts[0].outputs[0].sent == 10 * life);
    CHECK(counts[0].outputs[0].bytes == 1000 * life);
    CHECK(counts[0].inputs[0].received == 5 * life);
    CHECK(counts[0].inputs[0].dropped == 2 * life);
    h.kill(&camera, "camera", false);
    token = h.again(node, life);
  }
}

TEST_CASE("a killed subscriber's claim that it did not count is lost; what waits is not, if it returns") {
  for (const Policy policy : {Policy::drop_oldest, Policy::backpressure}) {
    Harness h;
    RunningPair p(h, policy);
    p.out.put(9);
    receive(p.plot, p.in, 4);
    p.in.take(1);  // claimed, and killed before the ledger had it
    h.kill(&p.plot, "plot", false);
    check_counts(h.input_counts("plot"), 9, 4, 0, 4, 1);
    FakeNode plot = h.join_ready(h.again(p.specs[1]));
    FakeEdge out = p.camera.reopen_out(p.out);
    FakeEdge in = plot.open_in();
    check_counts(h.input_counts("plot"), 9, 4, 0, 4, 1);
    out.put(1);
    receive(plot, in, 5);
    check_counts(h.input_counts("plot"), 10, 9, 0, 0, 1);
  }
}

TEST_CASE("drops while nobody listens are drops") {
  Harness h;
  RunningPair p(h);
  p.out.put(10);
  receive(p.plot, p.in, 2);
  h.kill(&p.plot, "plot", false);
  // The publisher goes on for its orphan: it takes back what it replaces.
  p.out.put(5);
  take_back(p.out, 3);
  FakeNode plot = h.join_ready(h.again(p.specs[1]));
  FakeEdge out = p.camera.reopen_out(p.out);
  FakeEdge in = plot.open_in();
  check_counts(h.input_counts("plot"), 15, 2, 3, 10, 0);
  receive(plot, in, 10);
  h.kill(&plot, "plot", true);
  check_counts(h.input_counts("plot"), 15, 12, 3, 0, 0);
}

TEST_CASE("a subscriber that dies for good leaves what it has not read as lost") {
  Harness h;
  RunningPair p(h);
  p.out.put(6);
  receive(p.plot, p.in, 2);
  h.kill(&p.plot, "plot", true);
  check_counts(h.input_counts("plot"), 6, 2, 0, 0, 4);
}

TEST_CASE("a subscriber that leaves in order loses nothing: what it has not read stays in flight") {
  Harness h;
  RunningPair p(h);
  p.out.put(6);
  receive(p.plot, p.in, 2);
  p.plot.send(wire::Bye{});
  h.kill(&p.plot, "plot", true);
  check_counts(h.input_counts("plot"), 6, 2, 0, 4, 0);
}

TEST_CASE("a publisher's lives are summed, and its last messages are still read after its death") {
  Harness h;
  RunningPair p(h);
  p.out.put(6);
  receive(p.plot, p.in, 2);
  h.kill(&p.camera, "camera", false);
  check_counts(h.input_counts("plot"), 6, 2, 0, 4, 0);
  FakeNode camera = h.join_ready(h.again(p.specs[0]));
  FakeEdge out = camera.open_out();
  FakeEdge in = p.plot.open_in();
  out.put(10);
  check_counts(h.input_counts("plot"), 16, 2, 0, 14, 0);
  receive(p.plot, p.in, 4);  // the old region to its end
  receive(p.plot, in, 3);
  check_counts(h.input_counts("plot"), 16, 9, 0, 7, 0);
  h.kill(&camera, "camera", true);
  receive(p.plot, in, 7);
  check_counts(h.input_counts("plot"), 16, 16, 0, 0, 0);
}

TEST_CASE("what lay between two that both died is lost") {
  for (const bool publisher_first : {true, false}) {
    Harness h;
    RunningPair p(h);
    p.out.put(6);
    receive(p.plot, p.in, 2);
    if (publisher_first) h.kill(&p.camera, "camera", false);
    h.kill(&p.plot, "plot", false);
    if (!publisher_first) h.kill(&p.camera, "camera", false);
    check_counts(h.input_counts("plot"), 6, 2, 0, 0, 4);
  }
}

TEST_CASE("two inputs fed by one output are counted apart") {
  Harness h;
  auto specs = Harness::pair();
  specs[1].inputs.push_back(Harness::input("again", "camera/image"));
  const auto tokens = h.add(specs);
  FakeNode camera = h.join_ready(tokens[0]);
  FakeNode plot = h.join_ready(tokens[1]);
  CHECK(plot.inputs[0].bit != plot.inputs[1].bit);
  FakeEdge first = camera.open_out();
  FakeEdge second = camera.open_out();
  first.put(1);
  second.put(2);
  plot.open_in();
  plot.open_in();
  CHECK(h.input_counts("plot", 0).sent == 1);
  CHECK(h.input_counts("plot", 1).sent == 2);
}

TEST_CASE("whatever hostile processes write, the sum is right") {
  Harness h;
  RunningPair p(h);
  const uint64_t values[] = {0, 1, 5, 1ull << 63, UINT64_MAX};
  for (const uint64_t head : values) {
    for (const uint64_t tail : values) {
      for (const uint64_t received : values) {
        p.in.shared()->head.store(head);
        p.in.shared()->tail.store(tail);
        p.plot.ledger_input(0).received.store(received);
        p.plot.ledger_input(0).dropped.store(received);
        check_identity(h.input_counts("plot"));
      }
    }
  }
  h.kill(&p.plot, "plot", false);
  check_identity(h.input_counts("plot"));
  h.kill(&p.camera, "camera", true);
  check_identity(h.input_counts("plot"));
}

TEST_CASE("random sends, claims, kills and returns: counts equal a simple model's") {
  const uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto below = [&](uint32_t n) { return random() % n; };
  for (const Policy policy : {Policy::drop_oldest, Policy::backpressure}) {
    Harness h;
    RunningPair p(h, policy);
    FakeEdge out = std::move(p.out), in = std::move(p.in);
    uint64_t sent = 0, received = 0, lost = 0;
    uint32_t restarts = 0;
    for (int step = 0; step < 150; step++) {
      const uint64_t room = 10 - (out.head() - out.tail());
      switch (below(8)) {
        case 0:
        case 1:
        case 2: {
          const uint64_t n = std::min<uint64_t>(below(6), room);
          out.put(n);
          sent += n;
          break;
        }
        case 3:
        case 4:
        case 5: {
          const uint64_t n = std::min<uint64_t>(below(6), in.head() - in.tail());
          receive(p.plot, in, n);
          received += n;
          break;
        }
        case 6: {  // the subscriber is killed, with or without an uncounted claim
          if (below(2) == 0 && in.head() > in.tail()) {
            in.take(1);
            lost++;
          }
          h.kill(&p.plot, "plot", false);
          p.plot = h.join_ready(h.again(p.specs[1], ++restarts));
          out = p.camera.reopen_out(out);
          in = p.plot.open_in();
          p.plot.expect<wire::Start>();
          break;
        }
        default: {  // the publisher is killed; its subscriber reads to the end first
          const uint64_t n = in.head() - in.tail();
          receive(p.plot, in, n);
          received += n;
          h.kill(&p.camera, "camera", false);
          p.camera = h.join_ready(h.again(p.specs[0], ++restarts));
          out = p.camera.open_out();
          in = p.plot.open_in();
          p.camera.expect<wire::Start>();
        }
      }
      const auto c = h.input_counts("plot");
      check_counts(c, sent, received, 0, out.head() - out.tail(), lost);
    }
  }
}
