// Rings of nodes that wait for each other: the youngest wait is rejected, within a second, and nobody else's is.
#include <chrono>
#include <thread>

#include "dora/node.h"
#include "node_world.h"
#include "operator_harness.h"

using namespace dora;
using dora::test::edge_input;
using dora::test::node_of;
using dora::test::start_all;
using dora::test::text_of;
using dora::test::World;

namespace {

using Steady = std::chrono::steady_clock;

/// Sends and waits for room as long as it takes, like a C node.
Status send_waiting(Node& node, const std::string& text, Error* error, int64_t limit_ns = 20'000'000'000) {
  SendArgs args;
  args.arm = true;
  const auto end = Steady::now() + std::chrono::nanoseconds(limit_ns);
  for (;;) {
    const Status s = node.send_copy(0, text.data(), text.size(), args, nullptr, error);
    if (s != Status::would_block) return s;
    if (Steady::now() >= end) return Status::timeout;
    if (node.wait_room(50'000'000) == Status::ended) return Status::ended;
  }
}

/// Sends "0", "1", … until one is rejected; how many were not. In no hurry, so that each of its waits is the youngest.
int send_until_rejected(Node& node, Error* error = nullptr) {
  Error own;
  if (error == nullptr) error = &own;
  for (int sent = 0; sent < 20; sent++) {
    const Status s = send_waiting(node, std::to_string(sent), error);
    if (s == Status::backpressure_cycle) return sent;
    REQUIRE(s == Status::ok);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  FAIL("nothing was rejected");
  return 0;
}

/// `count` nodes "n0", "n1", … in a ring, each with an input "in" from the one before, of one message.
struct Ring {
  World world;
  std::vector<std::unique_ptr<Node>> nodes;

  explicit Ring(int count) {
    std::vector<BrokerNode> specs;
    for (int i = 0; i < count; i++) {
      const std::string before = "n" + std::to_string((i + count - 1) % count);
      specs.push_back(node_of(("n" + std::to_string(i)).c_str(),
                              {edge_input("in", before.c_str(), "out", Policy::backpressure, 1)}, {"out"}));
    }
    const auto configs = world.add(specs);
    std::vector<Node*> all;
    for (const std::string& config : configs) {
      nodes.push_back(world.join(config));
      all.push_back(nodes.back().get());
    }
    start_all(all);
  }
  void fill() {
    for (auto& node : nodes) REQUIRE(test::send_text(*node, 0, "first") == Status::ok);
  }
};

}  // namespace

TEST_CASE("of nodes that wait for each other the youngest wait fails, names the ring, and all go on") {
  for (const int count : {1, 2, 3}) {
    CAPTURE(count);
    Ring ring(count);
    ring.fill();
    std::vector<std::thread> threads;
    std::vector<Status> results(ring.nodes.size());
    std::vector<Error> errors(ring.nodes.size());
    std::vector<std::string> taken(ring.nodes.size());
    for (size_t i = 0; i < ring.nodes.size(); i++) {
      threads.emplace_back([&, i] {
        results[i] = send_waiting(*ring.nodes[i], "second", &errors[i]);
        const Event event = test::next(*ring.nodes[i]);
        taken[i] = text_of(event);
        ring.nodes[i]->release(event.sample);
      });
      std::this_thread::sleep_for(std::chrono::milliseconds(30));  // so that the last is the youngest
    }
    for (std::thread& thread : threads) thread.join();
    for (size_t i = 0; i < results.size(); i++) {
      CHECK(results[i] == (i + 1 < results.size() ? Status::ok : Status::backpressure_cycle));
      CHECK(taken[i] == "first");
      // What was rejected is nowhere, the rest where it belongs.
      Event event;
      const bool has = ring.nodes[i]->take(&event) == Status::ok;
      CHECK(has == (i != 0));
      if (has) CHECK(text_of(event) == "second");
      if (has) ring.nodes[i]->release(event.sample);
    }
    const Error& error = errors.back();
    const std::string last = "\"n" + std::to_string(count - 1) + "/out\" for \"n0/in\"";
    CHECK(error.message.find("output \"out\" was not sent") != std::string::npos);
    CHECK(error.message.find("in a ring, " + last) != std::string::npos);
    if (count > 1) CHECK(error.message.find("\"n0/out\" for \"n1/in\"") != std::string::npos);
    CHECK(error.hint.find("drop_oldest") != std::string::npos);
    for (auto& node : ring.nodes) CHECK(test::send_text(*node, 0, "third") == Status::ok);
  }
}

TEST_CASE("a ring that is slow, but in which everybody takes, is left alone") {
  Ring ring(2);
  std::atomic<int> rounds{0};
  std::vector<std::thread> threads;
  // Three messages for two queues of one and two that work: somebody always waits for room, and never for ever.
  ring.fill();
  REQUIRE(ring.nodes[0]->take(std::make_unique<Event>().get()) == Status::ok);
  std::vector<Status> results(2, Status::ok);
  for (size_t i = 0; i < 2; i++) {
    threads.emplace_back([&, i] {
      Node& node = *ring.nodes[i];
      for (int n = 0; n < 4; n++) {
        std::this_thread::sleep_for(std::chrono::milliseconds(700));
        Error error;
        const Status s = send_waiting(node, "m", &error);
        if (s != Status::ok) results[i] = s;
        const Event event = test::next(node);
        node.release(event.sample);
        rounds++;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(results[0] == Status::ok);
  CHECK(results[1] == Status::ok);
  CHECK(rounds == 8);
}

TEST_CASE("who waits for a full subscriber that is in no ring waits on") {
  World world;
  std::unique_ptr<Node> a, b;
  world.pair(&a, &b, Policy::backpressure, 1);
  REQUIRE(test::send_text(*a, 0, "first") == Status::ok);
  Error error;
  CHECK(send_waiting(*a, "second", &error, 1'500'000'000) == Status::timeout);
}

TEST_CASE("samples that readers keep close a ring as well as full queues do") {
  Ring ring(2);
  std::vector<Sample> kept[2];
  // queue_size + hold limit are given, all of them claimed.
  for (int n = 0; n < 17; n++) {
    ring.fill();
    for (size_t i = 0; i < 2; i++) {
      Event event;
      REQUIRE(ring.nodes[i]->take(&event) == Status::ok);
      kept[i].push_back(event.sample);
    }
  }
  Status results[2];
  Error errors[2];
  std::thread other([&] { results[0] = send_waiting(*ring.nodes[0], "m", &errors[0]); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  results[1] = send_waiting(*ring.nodes[1], "m", &errors[1]);
  CHECK(results[1] == Status::backpressure_cycle);
  for (const Sample& sample : kept[1]) ring.nodes[1]->release(sample);
  other.join();
  CHECK(results[0] == Status::ok);
  for (const Sample& sample : kept[0]) ring.nodes[0]->release(sample);
}

TEST_CASE("who gives up in time is no part of a ring") {
  Ring ring(2);
  ring.fill();
  Error error;
  // Both try for a moment, again and again, and look at their input in between without taking: nobody waits.
  for (int i = 0; i < 12; i++) {
    for (auto& node : ring.nodes) {
      CHECK(test::send_text(*node, 0, "second", true) == Status::would_block);
      node->wait_room(40'000'000);
      node->stop_waiting(0);
    }
  }
  for (auto& node : ring.nodes) CHECK(test::send_text(*node, 0, "second", true) == Status::would_block);
}

TEST_CASE("the C API gives the rejection as a status") {
  Ring ring(1);
  ring.fill();
  // The same through dora_node_send() needs a node of its own: a process has one.
  ring.nodes.clear();
  auto configs = ring.world.add({[] {
    BrokerNode node = node_of("c", {edge_input("in", "c", "out", Policy::backpressure, 1)}, {"out"});
    node.dataflow = "other";
    return node;
  }()});
  dora_node_options_t options{};
  options.struct_size = sizeof options;
  options.config = configs[0].c_str();
  dora_node_t* node = nullptr;
  dora_error_t error;
  REQUIRE(dora_node_connect(&options, &node, &error) == DORA_OK);
  REQUIRE(dora_node_send(node, 0, "1", 1, DORA_ENCODING_RAW, nullptr, 0, -1, &error) == DORA_OK);
  CHECK(dora_node_send(node, 0, "2", 1, DORA_ENCODING_RAW, nullptr, 0, 100'000'000, &error) == DORA_TIMEOUT);
  CHECK(dora_node_send(node, 0, "2", 1, DORA_ENCODING_RAW, nullptr, 0, -1, &error) == DORA_BACKPRESSURE_CYCLE);
  CHECK(std::string(error.message).find("\"c/out\" for \"c/in\"") != std::string::npos);
  dora_event_t event;
  REQUIRE(dora_node_next(node, -1, &event) == DORA_OK);
  dora_event_release(node, &event);
  CHECK(dora_node_send(node, 0, "3", 1, DORA_ENCODING_RAW, nullptr, 0, -1, &error) == DORA_OK);
  dora_node_close(node);
}

TEST_CASE("rings through operators, their neighbours included, are broken at whoever waits for another process last") {
  using namespace dora::test;
  Flow flow;
  Notes notes;
  // node → a → b → node; a and b are neighbours.
  flow.node("n", {{"in", "runtime/b/out", 1, kPaced}}, {"out"});
  const auto forward = [&](const std::string& id) {
    return Handlers{.init = {},
                    .on_event = [&notes, id](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
                      if (event->type != DORA_EVENT_INPUT) return DORA_OK;
                      const int32_t status = test::send_text(host, 0, test::text_of(event));
                      if (status != DORA_OK) notes.add(id + ":" + std::to_string(status));
                      return DORA_OK;
                    },
                    .destroy = {}};
  };
  flow.op("a", {{"in", "n/out", 1, kPaced}}, {"out"}, forward("a"));
  flow.op("b", {{"in", "local/a/out", 1, kPaced}}, {"out"}, forward("b"));
  flow.go();
  // Until everything is full: b's message waits at n, another before b, another before a.
  Error error;
  const int sent = send_until_rejected(*flow.nodes["n"], &error);
  CHECK(error.message.find("\"runtime/a/out\" for \"runtime/b/in\"") != std::string::npos);
  CHECK(error.message.find("\"runtime/b/out\" for \"n/in\"") != std::string::npos);
  // And it goes on: all that was sent comes through, in order.
  for (int i = 0; i < sent; i++) CHECK(flow.take_text("n") == std::to_string(i));
  CHECK(notes.text() == "");
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("an operator's messages that wait for room close a ring, and are not lost when another's send is rejected") {
  using namespace dora::test;
  Flow flow;
  Notes notes;
  flow.node("n", {{"in", "runtime/a/out", 1, kPaced}}, {"out"});
  flow.op("a", {{"in", "n/out", 1, kPaced}}, {"out"},
          {.init = {},
           .on_event = [&](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
             if (event->type == DORA_EVENT_START) {
               // Two of its own fill the queue, and the second waits.
               test::send_text(host, 0, "x");
               test::send_text(host, 0, "y");
             }
             if (event->type == DORA_EVENT_INPUT)
               notes.add(test::text_of(event) + ":" + std::to_string(test::send_text(host, 0, test::text_of(event))));
             return DORA_OK;
           },
           .destroy = {}});
  flow.go();
  // Nobody takes at n, which waits for room at a, which waits for room at n.
  const int sent = send_until_rejected(*flow.nodes["n"]);
  CHECK(flow.take_text("n") == "x");
  CHECK(flow.take_text("n") == "y");
  for (int i = 0; i < sent; i++) CHECK(flow.take_text("n") == std::to_string(i));
  CHECK(notes.text().find(":-") == std::string::npos);
  CHECK_FALSE(flow.stop().has_value());
}
