// Nodes joined by a real broker, inside one test process: joining, start barrier, events, timers, death notices, C API,
// budget.
#include <poll.h>
#include <sys/epoll.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "dora/node.h"
#include "node_world.h"

using namespace dora;
using namespace dora::test;

TEST_CASE("no message sent right after the start is lost, whoever joins first") {
  for (bool subscriber_first : {false, true}) {
    World world;
    auto configs = world.add({node_of("a", {}, {"x"}), node_of("b", {edge_input("in", "a", "x")}, {})});
    std::unique_ptr<Node> a, b;
    if (subscriber_first) b = world.join(configs[1]);
    a = world.join(configs[0]);
    if (!subscriber_first) b = world.join(configs[1]);
    REQUIRE(a->wait_start(&world.error) == Status::ok);
    for (int i = 0; i < 4; i++) REQUIRE(send_text(*a, 0, std::to_string(i)) == Status::ok);
    CHECK(send_text(*a, 0, "full") == Status::would_block);
    REQUIRE(b->wait_start(&world.error) == Status::ok);
    for (int i = 0; i < 4; i++) {
      const Event event = next(*b);
      REQUIRE(event.type == EventType::input);
      CHECK(text_of(event) == std::to_string(i));
      CHECK(event.sample.encoding == DORA_ENCODING_UTF8);
      b->release(event.sample);
    }
  }
}

TEST_CASE("a publisher that leaves ends its subscriber: messages, closed, stop, end") {
  World world;
  std::unique_ptr<Node> a, b;
  world.pair(&a, &b);
  REQUIRE(send_text(*a, 0, "last") == Status::ok);
  a->close();
  a.reset();
  Event event = next(*b);
  REQUIRE(event.type == EventType::input);
  CHECK(text_of(event) == "last");
  b->release(event.sample);
  event = next(*b);
  CHECK(event.type == EventType::input_closed);
  CHECK(event.reason == DORA_REASON_ENDED);
  CHECK_FALSE(b->input_open(0));
  event = next(*b);
  CHECK(event.type == EventType::stop);
  CHECK(event.reason == DORA_REASON_ALL_INPUTS_CLOSED);
  for (int i = 0; i < 3; i++) CHECK(next(*b).type == EventType::end);
}

TEST_CASE("closing one output leaves the node's others open") {
  World world;
  auto configs = world.add(
      {node_of("a", {}, {"x", "y"}), node_of("b", {edge_input("x", "a", "x"), edge_input("y", "a", "y")}, {})});
  auto a = world.join(configs[0]);
  auto b = world.join(configs[1]);
  REQUIRE(a->wait_start(&world.error) == Status::ok);
  REQUIRE(b->wait_start(&world.error) == Status::ok);
  REQUIRE(a->close_output(0) == Status::ok);
  CHECK(send_text(*a, 0, "late") == Status::ended);
  Event event = next(*b);
  CHECK(event.type == EventType::input_closed);
  CHECK(event.input == 0);
  REQUIRE(send_text(*a, 1, "still here") == Status::ok);
  event = next(*b);
  REQUIRE(event.type == EventType::input);
  CHECK(text_of(event) == "still here");
  b->release(event.sample);
}

TEST_CASE("a sender that waits for room is woken by the claim") {
  World world;
  std::unique_ptr<Node> a, b;
  world.pair(&a, &b, Policy::backpressure, 1);
  constexpr int kMessages = 2000;
  std::thread sender([&] {
    for (int i = 0; i < kMessages; i++) {
      while (send_text(*a, 0, std::to_string(i), true) != Status::ok) REQUIRE(a->wait_room(kWaitNs) == Status::ok);
    }
  });
  for (int i = 0; i < kMessages; i++) {
    const Event event = next(*b);
    REQUIRE(event.type == EventType::input);
    REQUIRE(text_of(event) == std::to_string(i));
    b->release(event.sample);
  }
  sender.join();
  const auto counts = world.broker->counts("flow");
  REQUIRE(counts.size() == 2);
  CHECK(counts[1].inputs[0].sent == kMessages);
  CHECK(counts[1].inputs[0].received == kMessages);
  CHECK(counts[1].inputs[0].dropped == 0);
  CHECK(counts[1].inputs[0].in_flight == 0);
  CHECK(counts[0].outputs[0].sent == kMessages);
}

TEST_CASE("across inputs the oldest stamp comes first; a higher priority comes before it") {
  for (bool with_priority : {false, true}) {
    World world;
    auto fast = edge_input("fast", "a", "x");
    auto slow = edge_input("slow", "a", "y");
    if (with_priority) fast.priority = 9;
    auto configs = world.add({node_of("a", {}, {"x", "y"}), node_of("b", {slow, fast}, {})});
    auto a = world.join(configs[0]);
    auto b = world.join(configs[1]);
    REQUIRE(a->wait_start(&world.error) == Status::ok);
    REQUIRE(b->wait_start(&world.error) == Status::ok);
    for (const char* text : {"y1", "x1", "y2", "x2"})
      REQUIRE(send_text(*a, text[0] == 'x' ? 0 : 1, text) == Status::ok);
    std::string order;
    for (int i = 0; i < 4; i++) {
      const Event event = next(*b);
      order += text_of(event) + " ";
      b->release(event.sample);
    }
    CHECK(order == (with_priority ? "x1 x2 y1 y2 " : "y1 x1 y2 x2 "));
  }
}

TEST_CASE("a mask keeps inputs from waking and from being taken") {
  World world;
  auto configs = world.add(
      {node_of("a", {}, {"x", "y"}), node_of("b", {edge_input("x", "a", "x"), edge_input("y", "a", "y")}, {})});
  auto a = world.join(configs[0]);
  auto b = world.join(configs[1]);
  REQUIRE(a->wait_start(&world.error) == Status::ok);
  REQUIRE(b->wait_start(&world.error) == Status::ok);
  const uint64_t only_y = 2;
  REQUIRE(send_text(*a, 0, "x") == Status::ok);
  Event event;
  CHECK(b->take(&event, &only_y) == Status::empty);
  CHECK(b->prepare_sleep(&only_y));
  CHECK_FALSE(b->prepare_sleep());
  CHECK(b->wait(20'000'000, 0, &only_y) == Status::timeout);
  REQUIRE(send_text(*a, 1, "y") == Status::ok);
  REQUIRE(b->take(&event, &only_y) == Status::ok);
  CHECK(text_of(event) == "y");
  b->release(event.sample);
  CHECK(text_of(next(*b)) == "x");
}

TEST_CASE("a timer ticks on the clock seam, and a late reader gets one tick with the number missed") {
  World world;
  BrokerInput tick;
  tick.id = "tick";
  tick.kind = wire::InputKind::timer;
  tick.source_text = "dora/timer/millis/100";
  tick.period_ns = 100'000'000;
  auto configs = world.add({node_of("t", {tick}, {})});
  ManualClock clock(1'000'000'000);
  auto t = world.join(configs[0], &clock);
  REQUIRE(t->wait_start(&world.error) == Status::ok);
  Event event;
  CHECK(t->take(&event) == Status::empty);
  clock.advance(100'000'000);
  event = next(*t);
  CHECK(event.type == EventType::input);
  CHECK(event.dropped == 0);
  CHECK(event.sample.sequence == 1);
  CHECK(event.sample.size == 0);
  clock.advance(450'000'000);
  event = next(*t);
  CHECK(event.dropped == 3);
  CHECK(event.sample.sequence == 5);
  CHECK(t->take(&event) == Status::empty);
  CHECK(t->received(0) == 2);
  CHECK(t->dropped(0) == 3);
}

TEST_CASE("a stop from the daemon is an event, then the stream ends; a node can ask for it") {
  World world;
  std::unique_ptr<Node> a, b;
  world.pair(&a, &b);
  REQUIRE(b->request_stop() == Status::ok);
  BrokerEvent seen;
  for (int i = 0; i < 500 && seen.kind != BrokerEvent::Kind::request_stop; i++) {
    if (!world.broker->next_event(&seen)) usleep(10'000);
  }
  REQUIRE(seen.kind == BrokerEvent::Kind::request_stop);
  CHECK(seen.node == "b");
  world.broker->stop_node("flow", "a", DORA_REASON_USER, 1'000'000);
  Event event = next(*a);
  CHECK(event.type == EventType::stop);
  CHECK(event.reason == DORA_REASON_USER);
  CHECK(event.grace_ns == 1'000'000);
  CHECK(send_text(*a, 0, "still works") == Status::ok);
  CHECK(next(*a).type == EventType::end);
}

TEST_CASE("a stop before every node has joined ends the wait for the start") {
  World world;
  auto configs = world.add({node_of("a", {}, {"x"}), node_of("never", {}, {})});
  auto a = world.join(configs[0]);
  CHECK_FALSE(a->started());
  world.broker->stop_node("flow", "a", DORA_REASON_FAILURE, 0);
  CHECK(a->wait_start(&world.error) == Status::ok);
  CHECK(next(*a).type == EventType::stop);
}

TEST_CASE("a node whose daemon goes stops with reason shutdown") {
  World world;
  std::unique_ptr<Node> a, b;
  world.pair(&a, &b);
  REQUIRE(send_text(*a, 0, "before") == Status::ok);
  world.broker.reset();
  Event event = next(*a);
  CHECK(event.type == EventType::stop);
  CHECK(event.reason == DORA_REASON_SHUTDOWN);
  CHECK(next(*a).type == EventType::end);
}

TEST_CASE("nodes that outlive their daemon go on with messages, waits and a clean end, within the memory they hold") {
  World world(64 << 20, true);
  std::unique_ptr<Node> a, b;
  world.pair(&a, &b, Policy::backpressure, 2);
  REQUIRE(send_text(*a, 0, "before") == Status::ok);
  world.broker.reset();
  for (int i = 0; i < 100; i++) {
    const Event event = next(*b);
    REQUIRE(event.type == EventType::input);
    CHECK(text_of(event) == (i == 0 ? "before" : std::to_string(i)));
    b->release(event.sample);
    REQUIRE(send_text(*a, 0, std::to_string(i + 1)) == Status::ok);
    a->awake(true, true);
  }
  CHECK_FALSE(a->stopping());
  Error error;
  const std::vector<uint8_t> large(32 << 20);
  CHECK(a->send_copy(0, large.data(), large.size(), {}, nullptr, &error) == Status::shm_exhausted);
  CHECK(error.message.find("daemon is gone") != std::string::npos);
  a->close();
  Event event = next(*b);
  CHECK(event.type == EventType::input);
  b->release(event.sample);
  event = next(*b);
  CHECK(event.type == EventType::input_closed);
  CHECK(event.reason == DORA_REASON_ENDED);
  CHECK(next(*b).type == EventType::stop);
}

TEST_CASE("memory beyond the budget is refused with figures, and sending goes on when samples are released") {
  World world(6 << 20);
  std::unique_ptr<Node> a, b;
  world.pair(&a, &b, Policy::backpressure, 64);
  const std::vector<uint8_t> payload(1 << 20);
  Error error;
  int sent = 0;
  while (a->send_copy(0, payload.data(), payload.size(), {}, nullptr, &error) == Status::ok) sent++;
  CHECK(sent >= 3);
  CHECK(error.status == Status::shm_exhausted);
  CHECK(error.message.find("limit") != std::string::npos);
  const Event event = next(*b);
  b->release(event.sample);
  CHECK(a->send_copy(0, payload.data(), payload.size(), {}, nullptr, &error) == Status::ok);
}

TEST_CASE("a late joiner gets retained messages while data flows") {
  World world;
  auto configs = world.add({node_of("a", {}, {"map"}, 1)});
  auto a = world.join(configs[0]);
  REQUIRE(a->wait_start(&world.error) == Status::ok);
  REQUIRE(send_text(*a, 0, "old") == Status::ok);
  REQUIRE(send_text(*a, 0, "new") == Status::ok);
  BrokerNode late = node_of("late", {edge_input("map", "a", "map")}, {});
  late.barrier = false;
  auto late_config = world.add({late});
  auto b = world.join(late_config[0]);
  std::atomic<bool> done{false};
  std::thread serve([&] {  // the publisher opens the edge when it looks at its control traffic
    while (!done.load()) a->wait(10'000'000);
  });
  const Event event = next(*b);
  done.store(true);
  serve.join();
  REQUIRE(event.type == EventType::input);
  CHECK(text_of(event) == "new");
  b->release(event.sample);
}

TEST_CASE("a wrong or used token is refused in words") {
  World world;
  auto configs = world.add({node_of("a", {}, {"x"})});
  auto a = world.join(configs[0]);
  std::unique_ptr<Node> again;
  Error error;
  CHECK(Node::connect({configs[0], nullptr}, &again, &error) == Status::join_refused);
  CHECK_FALSE(error.message.empty());
  CHECK(Node::connect({"1 zz /tmp/x", nullptr}, &again, &error) == Status::not_in_dataflow);
  CHECK(Node::connect({"1 " + std::string(64, '0') + " /nonexistent/broker.sock", nullptr}, &again, &error) ==
        Status::not_in_dataflow);
}

TEST_CASE("the C API sends, loans, receives, waits on a foreign epoll, and ends") {
  World world;
  // One node a process, so it reads its own output.
  auto configs = world.add({node_of("a", {edge_input("in", "a", "x", Policy::backpressure, 2)}, {"x"})});
  dora_node_t* a = nullptr;
  dora_node_options_t options{};
  options.struct_size = sizeof options;
  options.config = configs[0].c_str();
  dora_error_t error;
  REQUIRE(dora_node_connect(&options, &a, &error) == DORA_OK);
  dora_node_t* const b = a;
  CHECK(std::string(dora_node_id(a)) == "a");
  CHECK(dora_node_output(a, "x") == 0);
  CHECK(dora_node_output(a, "y") == DORA_UNKNOWN_OUTPUT);
  CHECK(dora_node_input(b, "in") == 0);

  dora_event_t event;
  CHECK(dora_node_next(b, 0, &event) == DORA_EMPTY);
  CHECK(dora_node_next(b, 5'000'000, &event) == DORA_TIMEOUT);
  CHECK(dora_node_prepare_wait(b) == 1);
  uint8_t metadata[256];
  uint64_t metadata_size = 0;
  const int64_t frame = 42;
  REQUIRE(dora_metadata_put(metadata, sizeof metadata, &metadata_size, "frame", DORA_META_INT64, &frame, 8) == DORA_OK);
  dora_loan_t loan;
  REQUIRE(dora_node_loan(a, 0, 1000, &loan, &error) == DORA_OK);
  memset(loan.data, 5, 1000);
  loan.size = 900;
  REQUIRE(dora_loan_send(a, &loan, DORA_ENCODING_RAW, metadata, metadata_size, 0, &error) == DORA_OK);
  CHECK(loan.data == nullptr);
  pollfd readable{dora_node_fd(b), POLLIN, 0};
  REQUIRE(poll(&readable, 1, 5000) == 1);
  REQUIRE(dora_node_next(b, 0, &event) == DORA_OK);
  CHECK(event.type == DORA_EVENT_INPUT);
  CHECK(std::string(event.id) == "in");
  CHECK(event.size == 900);
  CHECK(event.data[899] == 5);
  uint32_t type;
  const void* value;
  uint64_t value_size;
  REQUIRE(dora_metadata_get(event.metadata, event.metadata_size, "frame", &type, &value, &value_size) == DORA_OK);
  CHECK(memcmp(value, &frame, 8) == 0);
  dora_event_release(b, &event);
  dora_event_release(b, &event);  // twice is harmless

  REQUIRE(dora_node_send(a, 0, "1", 1, DORA_ENCODING_UTF8, nullptr, 0, 0, &error) == DORA_OK);
  REQUIRE(dora_node_send(a, 0, "2", 1, DORA_ENCODING_UTF8, nullptr, 0, 0, &error) == DORA_OK);
  CHECK(dora_node_send(a, 0, "3", 1, DORA_ENCODING_UTF8, nullptr, 0, 0, &error) == DORA_WOULD_BLOCK);
  CHECK(dora_node_send(a, 0, "3", 1, DORA_ENCODING_UTF8, nullptr, 0, 10'000'000, &error) == DORA_TIMEOUT);
  REQUIRE(dora_node_loan(a, 0, 10, &loan, &error) == DORA_OK);
  dora_loan_discard(a, &loan);
  CHECK(dora_loan_send(a, &loan, 0, nullptr, 0, 0, &error) == DORA_INVALID_ARGUMENT);
  REQUIRE(dora_node_close_output(a, 0) == DORA_OK);
  for (const char* expected : {"1", "2"}) {
    REQUIRE(dora_node_next(b, kWaitNs, &event) == DORA_OK);
    CHECK(event.data[0] == expected[0]);
    dora_event_release(b, &event);
  }
  for (uint32_t expected : {DORA_EVENT_INPUT_CLOSED, DORA_EVENT_STOP, DORA_EVENT_END, DORA_EVENT_END}) {
    REQUIRE(dora_node_next(b, kWaitNs, &event) == DORA_OK);
    CHECK(event.type == expected);
  }
  dora_node_close(a);
}

TEST_CASE("the C API refuses impossible arguments in words, and a second node in a process") {
  World world;
  BrokerNode late = node_of("b", {}, {});
  late.barrier = false;
  auto configs = world.add({node_of("a", {edge_input("in", "a", "x", Policy::backpressure, 1)}, {"x"}), late});
  dora_error_t error;
  dora_node_options_t options{};
  options.struct_size = sizeof options;
  options.config = "nonsense";
  dora_node_t* node = reinterpret_cast<dora_node_t*>(&options);
  CHECK(dora_node_connect(&options, nullptr, &error) == DORA_INVALID_ARGUMENT);
  CHECK(dora_node_connect(&options, &node, &error) == DORA_NOT_IN_DATAFLOW);
  CHECK(node == nullptr);
  options.config = configs[0].c_str();
  REQUIRE(dora_node_connect(&options, &node, &error) == DORA_OK);  // the failure before does not count
  options.config = configs[1].c_str();
  dora_node_t* second = nullptr;
  CHECK(dora_node_connect(&options, &second, &error) == DORA_ALREADY_CONNECTED);
  CHECK(std::string(error.message).find("already") != std::string::npos);

  CHECK(dora_node_output(node, nullptr) == DORA_INVALID_ARGUMENT);
  CHECK(dora_node_input(node, nullptr) == DORA_INVALID_ARGUMENT);
  const int32_t unknown = dora_node_output(node, "y");
  CHECK(dora_node_send(node, unknown, "1", 1, 0, nullptr, 0, 0, &error) == DORA_UNKNOWN_OUTPUT);
  CHECK(std::string(error.message).find("-10") != std::string::npos);
  dora_loan_t loan;
  CHECK(dora_node_loan(node, 1, 1, &loan, &error) == DORA_UNKNOWN_OUTPUT);
  CHECK(dora_node_loan(node, 0, 1, nullptr, &error) == DORA_INVALID_ARGUMENT);
  CHECK(dora_node_loan(node, 0, UINT64_MAX, &loan, &error) == DORA_TOO_LARGE);
  CHECK(dora_node_close_output(node, -1) == DORA_UNKNOWN_OUTPUT);
  CHECK(dora_node_send(node, 0, nullptr, 1, 0, nullptr, 0, 0, &error) == DORA_INVALID_ARGUMENT);
  CHECK(dora_node_send(node, 0, "1", 1, 65536, nullptr, 0, 0, &error) == DORA_INVALID_ARGUMENT);
  CHECK(dora_node_send(node, 0, "1", 1, 0, nullptr, 1, 0, &error) == DORA_INVALID_ARGUMENT);
  uint8_t metadata[16];
  uint64_t size = 0;
  CHECK(dora_metadata_put(metadata, sizeof metadata, &size, "k", DORA_META_INT64, nullptr, 8) == DORA_INVALID_ARGUMENT);
  CHECK(dora_metadata_put(metadata, sizeof metadata, &size, nullptr, DORA_META_BOOL, "", 1) == DORA_INVALID_ARGUMENT);
  CHECK(dora_metadata_get(nullptr, 1, "k", nullptr, nullptr, nullptr) == DORA_INVALID_ARGUMENT);
  CHECK(dora_node_next(node, 0, nullptr) == DORA_INVALID_ARGUMENT);

  REQUIRE(dora_node_loan(node, 0, 4, &loan, &error) == DORA_OK);
  loan.size = 5;  // it may be lowered, not raised
  CHECK(dora_loan_send(node, &loan, 0, nullptr, 0, 0, &error) == DORA_INVALID_ARGUMENT);
  dora_loan_discard(node, &loan);
  dora_loan_discard(node, &loan);
  dora_node_close(node);
  dora_node_close(node);  // twice is harmless
  REQUIRE(dora_node_connect(&options, &second, &error) == DORA_OK);
  CHECK(std::string(dora_node_id(second)) == "b");
  dora_node_close(second);
}

TEST_CASE("a timeout beyond the end of the clock is for ever, and a closed output does not make its sender wait") {
  World world;
  auto configs = world.add({node_of("a", {edge_input("in", "a", "x", Policy::backpressure, 1)}, {"x"})});
  dora_error_t error;
  dora_node_options_t options{};
  options.struct_size = sizeof options;
  options.config = configs[0].c_str();
  dora_node_t* node = nullptr;
  REQUIRE(dora_node_connect(&options, &node, &error) == DORA_OK);
  REQUIRE(dora_node_send(node, 0, "1", 1, 0, nullptr, 0, INT64_MAX, &error) == DORA_OK);
  dora_event_t event;
  REQUIRE(dora_node_next(node, INT64_MAX, &event) == DORA_OK);
  dora_event_release(node, &event);
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(dora_node_send(node, 0, "2", 1, 0, nullptr, 0, 0, nullptr) == DORA_OK);
  });
  CHECK(dora_node_next(node, INT64_MAX, &event) == DORA_OK);  // not DORA_TIMEOUT
  later.join();
  CHECK(event.type == DORA_EVENT_INPUT);
  dora_event_release(node, &event);
  REQUIRE(dora_node_send(node, 0, "3", 1, 0, nullptr, 0, 0, &error) == DORA_OK);
  REQUIRE(dora_node_close_output(node, 0) == DORA_OK);
  CHECK(dora_node_send(node, 0, "4", 1, 0, nullptr, 0, -1, &error) == DORA_ENDED);
  dora_node_close(node);
}

TEST_CASE(
    "two nodes with 250 edges between them: all open, and their descriptors fit into the loop of another library") {
  constexpr size_t kEdges = 250;  // an output is granted a megabyte
  World world(512 << 20);
  std::vector<std::string> ids;
  std::vector<BrokerInput> inputs;
  for (size_t i = 0; i < kEdges; i++) ids.push_back("o" + std::to_string(i));
  for (const std::string& id : ids) inputs.push_back(edge_input(id.c_str(), "a", id.c_str()));
  auto configs = world.add({node_of("a", {}, ids), node_of("b", inputs, {})});
  auto a = world.join(configs[0]), b = world.join(configs[1]);
  // The kernel counts the ways from a file to the epolls that watch it, and allows fewer the more of them lie in each
  // other. Every edge watches its peer's pidfd, which is one file for all of them.
  const Fd loop(epoll_create1(EPOLL_CLOEXEC));
  for (const Node* node : {a.get(), b.get()}) {
    epoll_event event{EPOLLIN, {}};
    REQUIRE(epoll_ctl(loop.get(), EPOLL_CTL_ADD, node->control_fd(), &event) == 0);
  }
  REQUIRE(a->wait_start(&world.error) == Status::ok);
  REQUIRE(b->wait_start(&world.error) == Status::ok);
  for (size_t i = 0; i < kEdges; i++) REQUIRE(send_text(*a, static_cast<uint32_t>(i), ids[i]) == Status::ok);
  for (size_t i = 0; i < kEdges; i++) {
    const Event event = next(*b);
    REQUIRE(event.type == EventType::input);
    CHECK(text_of(event) == ids[event.input]);
    b->release(event.sample);
  }
}
