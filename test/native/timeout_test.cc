// Inputs with a timeout: silence closes, the next message recovers, in this order, for processes and for operators.
#include <thread>

#include "dora/node.h"
#include "node_world.h"
#include "operator_harness.h"

using namespace dora;
using dora::test::edge_input;
using dora::test::node_of;
using dora::test::start_all;
using dora::test::World;

namespace {

constexpr uint64_t kMs = 1'000'000;

BrokerInput timed(BrokerInput input, uint64_t timeout_ns) {
  input.timeout_ns = timeout_ns;
  return input;
}

/// What a node has now, as words: a message's text, "closed-REASON", "recovered-REASON", "tick", "stop", "end".
std::string taken(Node& node) {
  node.awake(false, true);
  std::string words;
  Event event;
  for (int i = 0; i < 20 && node.take(&event) == Status::ok; i++) {
    if (!words.empty()) words += ' ';
    switch (event.type) {
      case EventType::input:
        words += event.sample.edge == nullptr ? "tick" : test::text_of(event);
        node.release(event.sample);
        break;
      case EventType::input_closed: words += "closed-" + std::to_string(event.reason); break;
      case EventType::input_recovered: words += "recovered-" + std::to_string(event.reason); break;
      case EventType::stop: words += "stop"; break;
      case EventType::end: return words + "end";
      default: words += '?';
    }
  }
  return words;
}

/// A publisher "a" of "x" and "y", and a subscriber whose input "in" has a timeout of 100 ms, on a clock of the test's.
struct Pair {
  World world;
  ManualClock clock{1'000'000'000};
  std::vector<std::string> configs;
  std::unique_ptr<Node> a, b;

  explicit Pair(uint32_t queue = 4, Policy policy = Policy::drop_oldest) {
    configs =
        world.add({node_of("a", {}, {"x", "y"}), node_of("b",
                                                         {timed(edge_input("in", "a", "x", policy, queue), 100 * kMs),
                                                          edge_input("free", "a", "y", policy, queue)},
                                                         {})});
    a = world.join(configs[0]);
    b = world.join(configs[1], &clock);
    start_all({a.get(), b.get()});
  }
  void send(const char* text, uint32_t output = 0) { REQUIRE(test::send_text(*a, output, text) == Status::ok); }
};

}  // namespace

TEST_CASE("an input without a message for its timeout is closed, and recovers before its next message") {
  Pair pair;
  pair.clock.advance(99 * kMs);
  CHECK(taken(*pair.b) == "");
  CHECK(pair.b->input_open(0));
  pair.clock.advance(1 * kMs);
  CHECK(taken(*pair.b) == "closed-3");
  CHECK_FALSE(pair.b->input_open(0));
  pair.clock.advance(1000 * kMs);
  CHECK(taken(*pair.b) == "");  // once, and the node goes on
  pair.send("one");
  pair.send("two");
  CHECK(taken(*pair.b) == "recovered-3 one two");
  CHECK(pair.b->input_open(0));
  pair.clock.advance(100 * kMs);
  CHECK(taken(*pair.b) == "closed-3");
}

TEST_CASE("each message starts the time anew; other inputs' messages do not") {
  Pair pair;
  for (int i = 0; i < 20; i++) {
    pair.clock.advance(60 * kMs);
    pair.send("m");
    pair.send("other", 1);
    CHECK(taken(*pair.b) == "m other");
  }
  pair.clock.advance(50 * kMs);
  pair.send("other", 1);
  CHECK(taken(*pair.b) == "other");
  pair.clock.advance(50 * kMs);
  pair.send("other", 1);
  CHECK(taken(*pair.b) == "closed-3 other");
  CHECK(pair.b->received(0) == 20);
}

TEST_CASE("what waits to be taken is no silence, however late its reader is") {
  Pair pair;
  pair.send("m");
  pair.clock.advance(500 * kMs);
  CHECK(taken(*pair.b) == "m");
  pair.clock.advance(99 * kMs);
  CHECK(taken(*pair.b) == "");
  pair.clock.advance(1 * kMs);
  CHECK(taken(*pair.b) == "closed-3");
}

TEST_CASE("messages that are dropped for a reader that keeps its samples are no silence") {
  Pair pair(1);
  std::vector<Sample> kept;
  for (int i = 0; i < 17; i++) {  // queue_size + hold limit
    pair.send("m");
    Event event;
    REQUIRE(pair.b->take(&event) == Status::ok);
    kept.push_back(event.sample);
  }
  for (int i = 0; i < 10; i++) {
    pair.clock.advance(60 * kMs);
    pair.send("dropped");
    CHECK(taken(*pair.b) == "");
  }
  CHECK(pair.b->dropped(0) == 10);
  for (Sample& sample : kept) pair.b->release(sample);
  pair.clock.advance(200 * kMs);
  CHECK(taken(*pair.b) == "closed-3");
}

TEST_CASE("a silent input whose publisher ends says so, and what was sent before comes first") {
  Pair pair;
  pair.clock.advance(100 * kMs);
  CHECK(taken(*pair.b) == "closed-3");
  SUBCASE("nothing more") {
    pair.a->close();
    CHECK(taken(*pair.b) == "closed-1 closed-1 stop end");
  }
  SUBCASE("a last message") {
    pair.send("last");
    pair.a->close();
    CHECK(taken(*pair.b) == "closed-1 recovered-3 last closed-1 stop end");
  }
}

TEST_CASE("a timer is an input like others") {
  World world;
  BrokerInput tick;
  tick.id = "tick";
  tick.kind = wire::InputKind::timer;
  tick.source_text = "dora/timer/millis/100";
  tick.period_ns = 100 * kMs;
  tick.timeout_ns = 150 * kMs;
  BrokerInput slow = tick;
  slow.id = "slow";
  slow.period_ns = 400 * kMs;
  auto configs = world.add({node_of("t", {tick, slow}, {})});
  ManualClock clock(1'000'000'000);
  auto t = world.join(configs[0], &clock);
  REQUIRE(t->wait_start(&world.error) == Status::ok);
  std::string all;
  for (int i = 0; i < 8; i++) {
    clock.advance(50 * kMs);
    all += taken(*t) + ",";
  }
  CHECK(all == ",tick,closed-3,tick recovered-3 tick,,tick,closed-3,tick,");
}

TEST_CASE("a node that joins late is given its timeout from its own start") {
  World world;
  ManualClock clock(1'000'000'000);
  auto configs = world.add({node_of("a", {}, {"x"})});
  auto a = world.join(configs[0]);
  start_all({a.get()});
  BrokerNode late = node_of("b", {timed(edge_input("in", "a", "x"), 100 * kMs)}, {});
  auto more = world.add({late});
  clock.advance(1000 * kMs);
  auto b = world.join(more[0], &clock);
  while (!b->started()) {  // its edge needs the publisher's answer
    a->awake(false, true);
    b->awake(false, true);
  }
  CHECK(taken(*b) == "");
  clock.advance(100 * kMs);
  CHECK(taken(*b) == "closed-3");
}

TEST_CASE("on the machine's clock the wait itself ends with the timeout, and the C API tells it") {
  World world;
  auto configs = world.add({node_of("a", {}, {"x"}), node_of("b", {timed(edge_input("in", "a", "x"), 50 * kMs)}, {})});
  auto a = world.join(configs[0]);
  dora_node_t* b = nullptr;
  std::thread joins([&] {
    dora_node_options_t options{};
    options.struct_size = sizeof options;
    options.config = configs[1].c_str();
    dora_error_t error;
    REQUIRE_MESSAGE(dora_node_connect(&options, &b, &error) == DORA_OK, error.message);
  });
  REQUIRE(a->wait_start(&world.error) == Status::ok);
  joins.join();
  dora_event_t event;
  REQUIRE(dora_node_next(b, test::kWaitNs, &event) == DORA_OK);
  CHECK(event.type == DORA_EVENT_INPUT_CLOSED);
  CHECK(event.reason == DORA_REASON_TIMEOUT);
  CHECK(std::string(event.id) == "in");
  dora_event_release(b, &event);
  REQUIRE(test::send_text(*a, 0, "m") == Status::ok);
  REQUIRE(dora_node_next(b, test::kWaitNs, &event) == DORA_OK);
  CHECK(event.type == DORA_EVENT_INPUT_RECOVERED);
  CHECK(event.reason == DORA_REASON_TIMEOUT);
  dora_event_release(b, &event);
  REQUIRE(dora_node_next(b, test::kWaitNs, &event) == DORA_OK);
  CHECK(event.type == DORA_EVENT_INPUT);
  dora_event_release(b, &event);
  dora_node_close(b);
}

namespace {

test::Handlers watching(test::Notes* notes, const std::string& id, bool forward) {
  return {.init = {},
          .on_event = [=](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
            switch (event->type) {
              case DORA_EVENT_INPUT:
                notes->add(id + ":" + test::text_of(event));
                if (forward && test::text_of(event) != "swallow") return test::send_text(host, 0, test::text_of(event));
                break;
              case DORA_EVENT_INPUT_CLOSED: notes->add(id + ":closed-" + std::to_string(event->reason)); break;
              case DORA_EVENT_INPUT_RECOVERED: notes->add(id + ":recovered-" + std::to_string(event->reason)); break;
              case DORA_EVENT_START: notes->add(id + ":start"); break;
              case DORA_EVENT_STOP: notes->add(id + ":stop-" + std::to_string(event->reason)); break;
              default: break;
            }
            return DORA_OK;
          },
          .destroy = {}};
}

}  // namespace

TEST_CASE("operators hear of silence from outside and from neighbours, and end only when their inputs have ended") {
  using namespace dora::test;
  ManualClock clock(1'000'000'000);
  Flow flow;
  Notes notes;
  flow.clock = &clock;
  flow.node("source", {}, {"x"});
  flow.op("a", {{"in", "source/x", 10, kPaced, 0, 100 * kMs}}, {"out"}, watching(&notes, "a", true));
  flow.op("b", {{"in", "local/a/out", 10, kPaced, 0, 300 * kMs}}, {}, watching(&notes, "b", false));
  flow.go();
  notes.wait_for(2);
  notes.clear();
  flow.send("source", "1");
  notes.wait_for(2);
  CHECK(notes.text() == "a:1 b:1");
  notes.clear();
  clock.advance(100 * kMs);
  notes.wait_for(1);
  CHECK(notes.text() == "a:closed-3");
  flow.send("source", "swallow");
  notes.wait_for(3);
  CHECK(notes.text() == "a:closed-3 a:recovered-3 a:swallow");
  notes.clear();
  // The neighbour's time runs from the first look that found its count changed, and is looked at in quarters.
  for (int i = 0; i < 8 && notes.all().size() < 2; i++) {
    clock.advance(75 * kMs);
    usleep(20'000);
  }
  notes.wait_for(2);
  CHECK(notes.text() == "a:closed-3 b:closed-3");
  notes.clear();
  flow.send("source", "2");
  notes.wait_for(4);
  CHECK(notes.text() == "a:recovered-3 a:2 b:recovered-3 b:2");
  notes.clear();
  flow.nodes["source"]->close();
  CHECK_FALSE(flow.end().has_value());
  CHECK(notes.text() == "a:closed-1 a:stop-7 b:closed-1 b:stop-7");
}

TEST_CASE("an operator that was told of silence is told of the end as well") {
  using namespace dora::test;
  ManualClock clock(1'000'000'000);
  Flow flow;
  Notes notes;
  flow.clock = &clock;
  flow.node("source", {}, {"x"});
  flow.op("a", {{"in", "source/x", 10, kPaced, 0, 100 * kMs}}, {}, watching(&notes, "a", false));
  flow.go();
  notes.wait_for(1);
  notes.clear();
  clock.advance(100 * kMs);
  notes.wait_for(1);
  flow.nodes["source"]->close();
  CHECK_FALSE(flow.end().has_value());
  CHECK(notes.text() == "a:closed-3 a:closed-1 a:stop-7");
}
