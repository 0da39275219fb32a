// Queues between operators and towards other processes: policies, exact counts, room.
#include "operator_harness.h"

using namespace dora;
using namespace dora::test;

TEST_CASE("drop_oldest between operators keeps the newest and counts what it drops") {
  Flow flow;
  Notes notes;
  std::atomic<uint64_t> told{0};
  flow.node("source", {}, {"x"});
  flow.op("burst", {{"in", "source/x"}}, {"out"},
          {{},
           [](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
             if (event->type != DORA_EVENT_INPUT) return DORA_OK;
             for (int i = 0; i < 100; i++) send_text(host, 0, std::to_string(i));
             return DORA_OK;
           },
           {}});
  flow.op("slow", {{"in", "local/burst/out", 3}}, {},
          {{},
           [&](const dora_host_t*, const dora_operator_event_t* event) -> int32_t {
             if (event->type != DORA_EVENT_INPUT) return DORA_OK;
             told += event->dropped;
             notes.add(text_of(event));
             return DORA_OK;
           },
           {}});
  flow.go();
  flow.send("source", "go");
  notes.wait_for(3);
  CHECK(notes.text() == "97 98 99");
  flow.send("source", "go");
  notes.wait_for(6);
  CHECK(told == 194);
  CHECK(flow.counts("slow/in") == std::pair<uint64_t, uint64_t>{6, 194});
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("backpressure between operators loses nothing: what is sent beyond the queue is kept, up to a bound") {
  Flow flow;
  Notes notes;
  std::atomic<int> accepted{0}, tried{0};
  std::atomic<int32_t> refused{0};
  flow.node("source", {}, {"x"});
  flow.op("burst", {{"in", "source/x", 10, kPaced}}, {"out"},
          {{},
           [&](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
             if (event->type != DORA_EVENT_INPUT) return DORA_OK;
             for (int i = 0; i < 2000; i++) {
               const int32_t status = send_text(host, 0, std::to_string(i));
               if (status == DORA_OK)
                 accepted++;
               else
                 refused = status;
               tried++;
             }
             return DORA_OK;
           },
           {}});
  flow.op("sink", {{"in", "local/burst/out", 4, kPaced}}, {}, collector(&notes));
  flow.go();
  flow.send("source", "go");
  // One output has 1024 slots: four in the queue and the rest kept.
  notes.wait_for(1000);
  flow.send("source", "go");
  while (tried < 4000) std::this_thread::yield();  // both bursts are over: nothing more is accepted
  CHECK(accepted >= 1900);
  CHECK((refused == DORA_WOULD_BLOCK || refused == DORA_SHM_EXHAUSTED));
  notes.wait_for(static_cast<size_t>(accepted));
  const auto lines = notes.all();
  for (size_t i = 0; i < 1000; i++) REQUIRE(lines[i] == std::to_string(i));
  CHECK(flow.counts("sink/in") == std::pair<uint64_t, uint64_t>{lines.size(), 0});
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("an operator is not run, and claims nothing, while a backpressure receiver of it is full") {
  Flow flow;
  Notes ran;
  flow.node("source", {}, {"x"});
  flow.node("sink", {{"in", "runtime/a/out", 2, kPaced}}, {});
  flow.op("a", {{"in", "source/x", 4, kPaced}}, {"out"},
          {{},
           [&](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
             if (event->type != DORA_EVENT_INPUT) return DORA_OK;
             ran.add(text_of(event));
             return send_text(host, 0, text_of(event));
           },
           {}});
  flow.go();
  // Two fit into the sink's queue and four into the source's; the seventh does not.
  for (int i = 0; i < 6; i++) flow.send("source", std::to_string(i));
  ran.wait_for(2);
  Error error;
  SendArgs args;
  for (int i = 0; i < 100; i++) {
    CHECK(flow.nodes["source"]->send_copy(0, "x", 1, args, nullptr, &error) == Status::would_block);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(ran.text() == "0 1");
  CHECK(flow.counts("a/in").first == 2);
  for (int i = 0; i < 6; i++) CHECK(flow.take_text("sink") == std::to_string(i));
  CHECK(ran.all().size() == 6);
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("what an operator sends beyond a full node outside is kept and arrives in order") {
  Flow flow;
  flow.node("source", {}, {"x"});
  flow.node("sink", {{"in", "runtime/a/out", 2, kPaced}}, {});
  flow.op("a", {{"in", "source/x", 4, kPaced}}, {"out"},
          {{},
           [](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
             if (event->type != DORA_EVENT_INPUT) return DORA_OK;
             for (int i = 0; i < 10; i++)
               CHECK(send_text(host, 0, text_of(event) + "." + std::to_string(i)) == DORA_OK);
             return DORA_OK;
           },
           {}});
  flow.go();
  for (int i = 0; i < 5; i++) flow.send("source", std::to_string(i));
  for (int i = 0; i < 5; i++) {
    for (int k = 0; k < 10; k++) CHECK(flow.take_text("sink") == std::to_string(i) + "." + std::to_string(k));
  }
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("a ring's messages stay in the ring while their operator is busy, so its policy holds") {
  Flow flow;
  Notes notes;
  Gate gate;
  flow.node("source", {}, {"x"});
  flow.op("slow", {{"in", "source/x", 2}}, {},
          {{},
           [&](const dora_host_t*, const dora_operator_event_t* event) -> int32_t {
             if (event->type != DORA_EVENT_INPUT) return DORA_OK;
             notes.add(text_of(event) + "-" + std::to_string(event->dropped));
             if (text_of(event) == "0") gate.pass();
             return DORA_OK;
           },
           {}});
  flow.go();
  flow.send("source", "0");
  gate.wait_arrived();
  for (int i = 1; i < 10; i++) flow.send("source", std::to_string(i));
  gate.open();
  notes.wait_for(3);
  CHECK(notes.text() == "0-0 8-7 9-0");
  CHECK(flow.counts("slow/in") == std::pair<uint64_t, uint64_t>{3, 7});
  CHECK_FALSE(flow.stop().has_value());
}
