// Parts of a node for other threads: taking, sleeping and sending beside each other, moves in both directions, and
// every order of ends.
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "node_world.h"

using namespace dora;
using namespace dora::test;

namespace {

/// Sends numbers, one after the other, waiting for room.
void send_numbers(Node& node, uint32_t output, uint64_t count) {
  for (uint64_t i = 0; i < count;) {
    Error error;
    SendArgs args;
    args.arm = true;
    const Status s = node.send_copy(output, &i, sizeof i, args, nullptr, &error);
    if (s == Status::ok) {
      i++;
    } else if (s != Status::would_block || node.wait_room(-1) == Status::ended) {
      return;
    }
  }
}

uint64_t number_of(const Event& event) {
  uint64_t number = 0;
  memcpy(&number, event.sample.data, sizeof number);
  return number;
}

/// Takes until the end. Returns how many numbers came; each must be one more than the last.
uint64_t take_numbers(Node& node, std::atomic<uint64_t>* wrong, uint64_t first = 0) {
  uint64_t expected = first;
  for (;;) {
    Event event;
    if (node.take(&event) != Status::ok) {
      node.wait(-1);
      continue;
    }
    if (event.type == EventType::end) return expected - first;
    if (event.type != EventType::input) continue;
    if (number_of(event) != expected++) wrong->fetch_add(1);
    node.release(event.sample);
  }
}

uint64_t share_of(Node& node, const std::vector<uint32_t>& inputs, const std::vector<uint32_t>& outputs) {
  Error error;
  uint64_t key = 0;
  REQUIRE_MESSAGE(node.share(inputs, outputs, &key, &error) == Status::ok, error.message);
  return key;
}

std::unique_ptr<Node> part_of(uint64_t key) {
  std::unique_ptr<Node> part;
  REQUIRE(Node::join_share(key, &part) == Status::ok);
  return part;
}

/// The peer has heard from the broker what the node has just told it.
void hear(Node& peer) {
  pollfd readable{peer.control_fd(), POLLIN, 0};
  REQUIRE(poll(&readable, 1, 5000) == 1);
  peer.awake(false, true);
}

/// Two sources with one output each, a node in the middle with two inputs and two outputs, a sink for each of them.
struct Middle : World {
  std::unique_ptr<Node> sources[2], middle, sinks[2];
  explicit Middle(Policy policy = Policy::backpressure, uint32_t queue = 4) {
    const auto configs = add({
        node_of("s0", {}, {"x"}),
        node_of("s1", {}, {"x"}),
        node_of("m", {edge_input("a", "s0", "x", policy, queue), edge_input("b", "s1", "x", policy, queue)},
                {"p", "q"}),
        node_of("t0", {edge_input("in", "m", "p", policy, queue)}, {}),
        node_of("t1", {edge_input("in", "m", "q", policy, queue)}, {}),
    });
    sources[0] = join(configs[0]);
    sources[1] = join(configs[1]);
    middle = join(configs[2]);
    sinks[0] = join(configs[3]);
    sinks[1] = join(configs[4]);
    start_all({sources[0].get(), sources[1].get(), middle.get(), sinks[0].get(), sinks[1].get()});
  }
  void check_counts() {
    for (const NodeCounts& node : broker->counts("flow"))
      for (const InputCounts& input : node.inputs)
        CHECK(input.sent == input.received + input.dropped + input.in_flight + input.lost);
  }
};

/// Forwards everything of an input to an output, until the end.
uint64_t forward(Node& node, uint32_t output) {
  uint64_t count = 0;
  for (;;) {
    Event event;
    if (node.take(&event) != Status::ok) {
      node.wait(-1);
      continue;
    }
    if (event.type == EventType::end) return count;
    if (event.type != EventType::input) continue;
    for (;;) {
      Error error;
      SendArgs args;
      args.arm = true;
      const Status s = node.send_copy(output, event.sample.data, event.sample.size, args, nullptr, &error);
      if (s == Status::ok) count++;
      if (s != Status::would_block || node.wait_room(-1) == Status::ended) break;
    }
    node.release(event.sample);
  }
}

}  // namespace

TEST_CASE("two parts take, sleep and send beside each other, with nobody at the node itself") {
  constexpr uint64_t kCount = 4000;
  Middle world(Policy::backpressure, 2);
  const uint64_t keys[] = {share_of(*world.middle, {0}, {0}), share_of(*world.middle, {1}, {1})};
  CHECK_FALSE(world.middle->has_input(0));
  CHECK_FALSE(world.middle->has_output(1));
  std::atomic<uint64_t> wrong{0}, forwarded{0}, received{0};
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < 2; i++) {
    threads.emplace_back([&, i] {
      send_numbers(*world.sources[i], 0, kCount);
      world.sources[i]->close();
    });
    threads.emplace_back([&, i] {
      auto part = part_of(keys[i]);
      CHECK(part->has_input(i));
      CHECK_FALSE(part->has_input(1 - i));
      forwarded += forward(*part, i);
      CHECK(part->close_output(i) == Status::ok);
    });
    threads.emplace_back([&, i] { received += take_numbers(*world.sinks[i], &wrong); });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(forwarded == 2 * kCount);
  CHECK(received == 2 * kCount);
  world.check_counts();
  // The whole node hears that every part of it is over.
  Event event = next(*world.middle);
  CHECK(event.type == EventType::stop);
  CHECK(event.reason == DORA_REASON_ALL_INPUTS_CLOSED);
}

TEST_CASE("an input that moves between threads while messages flow loses none and doubles none") {
  constexpr uint64_t kCount = 6000;
  Middle world(Policy::backpressure, 4);
  std::thread source([&] {
    send_numbers(*world.sources[0], 0, kCount);
    world.sources[0]->close();
    world.sources[1]->close();
  });
  uint64_t taken = 0, wrong = 0, moves = 0;
  const auto take_some = [&](Node& node, uint64_t most) {
    for (uint64_t i = 0; i < most;) {
      Event event;
      if (node.take(&event) != Status::ok) {
        node.wait(-1);
        continue;
      }
      if (event.type == EventType::end) return false;
      if (event.type != EventType::input) continue;
      if (number_of(event) != taken++) wrong++;
      node.release(event.sample);
      i++;
    }
    return true;
  };
  while (taken + 100 < kCount) {
    REQUIRE(take_some(*world.middle, 37));
    const uint64_t key = share_of(*world.middle, {0}, {});
    std::thread worker([&] {
      auto part = part_of(key);
      take_some(*part, 23);
    });
    worker.join();
    REQUIRE(world.middle->take_back(key) == Status::ok);
    moves++;
  }
  while (take_some(*world.middle, 1)) continue;
  source.join();
  CHECK(taken == kCount);
  CHECK(wrong == 0);
  CHECK(moves > 50);
  world.check_counts();
}

TEST_CASE("a part's own sleep is ended by messages, stop and the node's end, whatever the other threads do") {
  Middle world;
  const uint64_t key = share_of(*world.middle, {0}, {});
  hear(*world.sources[0]);
  std::atomic<int> got{0};
  std::thread worker([&] {
    auto part = part_of(key);
    for (;;) {
      Event event;
      if (part->take(&event) != Status::ok) {
        part->wait(-1);
        continue;
      }
      if (event.type == EventType::input) {
        part->release(event.sample);
        got++;
      }
      if (event.type == EventType::stop) got += 100;
      if (event.type == EventType::end) return;
    }
  });
  // Nobody listens at the node itself.
  for (int i = 0; i < 3; i++) {
    REQUIRE(send_text(*world.sources[0], 0, "x") == Status::ok);
    while (got < i + 1) usleep(1000);
  }
  world.broker->stop_node("flow", "m", DORA_REASON_USER, 0);
  worker.join();
  CHECK(got == 103);

  const uint64_t second = share_of(*world.middle, {1}, {});
  auto part = part_of(second);
  std::thread late([&] {
    Event event;
    while (part->take(&event) != Status::ok || event.type != EventType::end) part->wait(-1);
  });
  world.middle->close();
  late.join();
  std::unique_ptr<Node> none;
  CHECK(Node::join_share(second, &none) == Status::ended);
}

TEST_CASE("a sender that has not heard yet is passed on by the thread that had the input") {
  Middle world;
  const uint64_t key = share_of(*world.middle, {0}, {});
  std::atomic<bool> came{false};
  std::thread worker([&] {
    auto part = part_of(key);
    part->release(next(*part).sample);
    came = true;
  });
  usleep(20'000);
  REQUIRE(send_text(*world.sources[0], 0, "x") == Status::ok);
  while (!came) world.middle->wait(10'000'000);
  worker.join();
}

TEST_CASE("what a part holds outlives the node's own close, and a part that leaves gives all of it back") {
  Middle world(Policy::backpressure, 4);
  const uint64_t key = share_of(*world.middle, {0}, {0});
  hear(*world.sources[0]);
  auto part = part_of(key);
  CHECK(Node::join_share(key, &part) == Status::would_block);
  CHECK(world.middle->take_back(key) == Status::would_block);
  // The source may have 20 out: four queued, and 16 held beyond.
  std::vector<Sample> held;
  for (int i = 0; i < 20; i++) {
    REQUIRE(send_text(*world.sources[0], 0, std::string(1000, 'a')) == Status::ok);
    held.push_back(next(*part).sample);
  }
  CHECK(send_text(*world.sources[0], 0, "no") == Status::would_block);
  for (const Sample& sample : held) part->release(sample);
  part.reset();
  REQUIRE(send_text(*world.sources[0], 0, "yes") == Status::ok);
  // It waits for the next thread.
  part = part_of(key);
  const Event event = next(*part);
  CHECK(text_of(event) == "yes");
  Loan loan;
  REQUIRE(part->loan(0, 10, &loan, &world.error) == Status::ok);

  world.middle->close();
  world.middle.reset();
  CHECK(text_of(event) == "yes");
  CHECK(part->send(&loan, {}, nullptr, &world.error) == Status::ended);
  part->discard(&loan);
  part->release(event.sample);
  Event end;
  REQUIRE(part->take(&end) == Status::ok);
  CHECK(end.type == EventType::end);
  part.reset();
}

TEST_CASE("a node whose parts nobody has is over when nothing can come any more") {
  Middle world;
  const uint64_t key = share_of(*world.middle, {0}, {});
  share_of(*world.middle, {1}, {});
  REQUIRE(send_text(*world.sources[0], 0, "unread") == Status::ok);
  {
    auto part = part_of(key);
  }
  world.sources[0]->close();
  world.sources[1]->close();
  const Event event = next(*world.middle);
  CHECK(event.type == EventType::stop);
  CHECK(event.reason == DORA_REASON_ALL_INPUTS_CLOSED);
  world.check_counts();
}

TEST_CASE("timers and timeouts go with their input") {
  World world;
  BrokerNode m = node_of("m", {edge_input("in", "s", "x")}, {});
  m.inputs[0].timeout_ns = 50'000'000;
  BrokerInput tick;
  tick.id = "tick";
  tick.kind = wire::InputKind::timer;
  tick.period_ns = 2'000'000;
  m.inputs.push_back(tick);
  const auto configs = world.add({node_of("s", {}, {"x"}), m});
  auto s = world.join(configs[0]), node = world.join(configs[1]);
  start_all({s.get(), node.get()});
  CHECK(next(*node).input == 1);
  const uint64_t key = share_of(*node, {0, 1}, {});
  hear(*s);
  std::thread worker([&] {
    auto part = part_of(key);
    int ticks = 0;
    bool closed = false;
    while (ticks < 10 || !closed) {
      const Event event = next(*part);
      if (event.type == EventType::input && event.input == 1) ticks++;
      closed |= event.type == EventType::input_closed && event.reason == DORA_REASON_TIMEOUT;
    }
    CHECK(send_text(*s, 0, "again") == Status::ok);
    bool recovered = false, came = false;
    while (!came) {
      const Event event = next(*part);
      recovered |= event.type == EventType::input_recovered;
      came = event.type == EventType::input && event.input == 0;
    }
    CHECK(recovered);
  });
  worker.join();
  REQUIRE(node->take_back(key) == Status::ok);
  Event event;
  do event = next(*node);
  while (event.type != EventType::input || event.input != 1);
}

TEST_CASE(
    "a thread that waits for room in a part is woken by its subscriber, and takes its waiting along when it leaves") {
  Middle world(Policy::backpressure, 1);
  const uint64_t key = share_of(*world.middle, {}, {0});
  std::thread worker([&] {
    auto part = part_of(key);
    send_numbers(*part, 0, 200);
  });
  for (uint64_t i = 0; i < 200; i++) {
    Event event = next(*world.sinks[0]);
    CHECK(number_of(event) == i);
    world.sinks[0]->release(event.sample);
  }
  worker.join();
  {
    auto part = part_of(key);
    REQUIRE(send_text(*part, 0, "a") == Status::ok);
    CHECK(send_text(*part, 0, "b", true) == Status::would_block);
  }
  REQUIRE(world.middle->take_back(key) == Status::ok);
  CHECK(send_text(*world.middle, 0, "c", true) == Status::would_block);
  hear(*world.sinks[0]);
  world.sinks[0]->release(next(*world.sinks[0]).sample);
  // The ring is the node's own again.
  CHECK(world.middle->wait_room(kWaitNs) == Status::ok);
  CHECK(send_text(*world.middle, 0, "c") == Status::ok);
}

TEST_CASE("what is no share's, or not this thread's, is refused, and memory for parts is used again") {
  Middle world;
  Error error;
  uint64_t key = 0;
  CHECK(world.middle->share({9}, {}, &key, &error) == Status::invalid_argument);
  CHECK(world.middle->share({}, {9}, &key, &error) == Status::invalid_argument);
  key = share_of(*world.middle, {0}, {});
  uint64_t other = 0;
  CHECK(world.middle->share({0}, {}, &other, &error) == Status::invalid_argument);
  std::unique_ptr<Node> part;
  CHECK(Node::join_share(key + 1000, &part) == Status::empty);
  REQUIRE(world.middle->take_back(key) == Status::ok);
  CHECK(Node::join_share(key, &part) == Status::empty);
  CHECK(world.middle->take_back(key) == Status::ok);
  uint64_t granted = 0;
  for (int i = 0; i < 50; i++) {
    key = share_of(*world.middle, {0}, {1});
    part = part_of(key);
    part.reset();
    REQUIRE(world.middle->take_back(key) == Status::ok);
    for (const NodeCounts& node : world.broker->counts("flow"))
      if (node.node == "m") {
        if (granted == 0) granted = node.memory_granted;
        CHECK(node.memory_granted == granted);
      }
  }
}
