// Operators in one runtime: order, priorities, timers, several workers, threads of an operator's own.
#include "operator_harness.h"

using namespace dora;
using namespace dora::test;

TEST_CASE("messages go from a node through two operators to a node, in order, with metadata and encoding") {
  Flow flow;
  flow.node("source", {}, {"x"});
  flow.node("sink", {{"in", "runtime/b/out", 10, kPaced}}, {});
  flow.op("a", {{"in", "source/x", 10, kPaced}}, {"out"}, forwarder());
  flow.op("b", {{"in", "local/a/out", 10, kPaced}}, {"out"},
          {{},
           [](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
             if (event->type != DORA_EVENT_INPUT) return DORA_OK;
             CHECK(event->encoding == DORA_ENCODING_UTF8);
             CHECK(std::string(event->input_id) == "in");
             uint8_t metadata[256];
             uint64_t size = 0;
             const int64_t answer = 42;
             CHECK(host->api->metadata_put(host, metadata, sizeof metadata, &size, "answer", DORA_META_INT64, &answer,
                                           8) == DORA_OK);
             return host->api->send_copy(host, 0, event->data, event->size, DORA_ENCODING_JSON, metadata,
                                         static_cast<uint32_t>(size), nullptr);
           },
           {}});
  flow.go();
  for (int i = 0; i < 1000; i++) {
    flow.send("source", std::to_string(i));
    const Event event = flow.take("sink");
    REQUIRE(event.type == EventType::input);
    CHECK(std::string(reinterpret_cast<const char*>(event.sample.data), event.sample.size) == std::to_string(i));
    CHECK(event.sample.encoding == DORA_ENCODING_JSON);
    CHECK(event.sample.metadata_size > 0);
    CHECK(event.sample.sequence == static_cast<uint64_t>(i + 1));
    flow.nodes["sink"]->release(event.sample);
  }
  CHECK(flow.counts("a/in") == std::pair<uint64_t, uint64_t>{1000, 0});
  CHECK(flow.counts("b/in") == std::pair<uint64_t, uint64_t>{1000, 0});
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("an operator of the header's example and one in C++ run") {
  Flow flow;
  flow.node("source", {}, {"x"});
  flow.node("sink", {{"in", "runtime/copy/out", 10, kPaced}}, {});
  flow.library_op("double", library("op_double"), {{"in", "source/x", 10, kPaced}}, {"out"});
  flow.library_op("copy", library("op_cplusplus"), {{"in", "local/double/out", 10, kPaced}}, {"out"});
  flow.go();
  flow.send("source", "\x01\x02\x7f");
  CHECK(flow.take_text("sink") == "\x02\x04\xfe");
  flow.send("source", "");
  CHECK(flow.take_text("sink").empty());
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("runnable operators go by priority, then by the arrival of their message") {
  Flow flow;
  Notes notes;
  Gate gate;
  flow.node("source", {}, {"x"});
  flow.op("fan", {{"in", "source/x"}}, {"low1", "low2", "high"},
          {{},
           [&](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
             if (event->type != DORA_EVENT_INPUT) return DORA_OK;
             send_text(host, 0, "low1:a");
             send_text(host, 1, "low2:b");
             send_text(host, 0, "low1:c");
             send_text(host, 2, "high:d");
             send_text(host, 1, "low2:e");
             send_text(host, 2, "high:f");
             return DORA_OK;
           },
           {}});
  flow.op("low1", {{"in", "local/fan/low1"}}, {}, collector(&notes), 3);
  flow.op("low2", {{"in", "local/fan/low2"}}, {}, collector(&notes), 3);
  flow.op("high", {{"in", "local/fan/high"}}, {}, collector(&notes), 200);
  flow.go();
  flow.send("source", "go");
  notes.wait_for(6);
  CHECK(notes.text() == "high:d high:f low1:a low2:b low1:c low2:e");
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("inside an operator inputs go by sent-at, unless they have priorities") {
  for (uint32_t priority : {0u, 5u}) {
    Flow flow;
    Notes notes;
    flow.node("source", {}, {"x"});
    flow.op("fan", {{"in", "source/x"}}, {"a", "b"},
            {{},
             [](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
               if (event->type != DORA_EVENT_INPUT) return DORA_OK;
               for (int i = 0; i < 3; i++) {
                 send_text(host, 0, "a" + std::to_string(i));
                 send_text(host, 1, "b" + std::to_string(i));
               }
               return DORA_OK;
             },
             {}});
    flow.op("join", {{"a", "local/fan/a"}, {"b", "local/fan/b", 10, Policy::drop_oldest, priority}}, {},
            collector(&notes));
    flow.go();
    flow.send("source", "go");
    notes.wait_for(6);
    CHECK(notes.text() == (priority == 0 ? "a0 b0 a1 b1 a2 b2" : "b0 b1 b2 a0 a1 a2"));
    CHECK_FALSE(flow.stop().has_value());
  }
}

TEST_CASE("a message from outside goes before a local one that was sent after it") {
  Flow flow;
  Notes notes;
  Gate gate;
  flow.node("source", {}, {"x", "hold"});
  // All messages lie in the rings before the only worker comes back to them.
  flow.op("holder", {{"in", "source/hold"}}, {},
          {{},
           [&](const dora_host_t*, const dora_operator_event_t* event) -> int32_t {
             if (event->type == DORA_EVENT_INPUT) gate.pass();
             return DORA_OK;
           },
           {}});
  // `a` forwards what source sent to both, so `join` must see the original first, every time.
  flow.op("a", {{"in", "source/x", 1000}}, {"out"}, forwarder(), 9);
  flow.op("join", {{"original", "source/x", 1000}, {"derived", "local/a/out", 1000}}, {},
          {{},
           [&](const dora_host_t*, const dora_operator_event_t* event) -> int32_t {
             if (event->type == DORA_EVENT_INPUT) notes.add(std::string(event->input_id).substr(0, 1) + text_of(event));
             return DORA_OK;
           },
           {}});
  flow.go();
  flow.send("source", "wait", 1);
  gate.wait_arrived();
  for (int i = 0; i < 500; i++) flow.send("source", std::to_string(i));
  gate.open();
  notes.wait_for(1000);
  std::map<std::string, size_t> place;
  const auto lines = notes.all();
  for (size_t i = 0; i < lines.size(); i++) place[lines[i]] = i;
  for (int i = 0; i < 500; i++) CHECK(place["o" + std::to_string(i)] < place["d" + std::to_string(i)]);
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("timers reach operators") {
  Flow flow;
  Notes notes;
  flow.op("tick", {{"t", "every/1000000"}}, {},
          {{},
           [&](const dora_host_t*, const dora_operator_event_t* event) -> int32_t {
             if (event->type == DORA_EVENT_INPUT) notes.add(std::to_string(event->size));
             return DORA_OK;
           },
           {}});
  flow.go();
  notes.wait_for(20);
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("with several workers operators run at once, none of them twice, and nothing is lost or reordered") {
  for (uint32_t threads : {2u, 4u}) {
    Flow flow;
    constexpr int kLanes = 8, kMessages = 400;
    flow.node("source", {}, {"x"});
    std::vector<std::unique_ptr<std::atomic<int>>> inside;
    std::vector<std::unique_ptr<Notes>> notes;
    for (int lane = 0; lane < kLanes; lane++) {
      inside.push_back(std::make_unique<std::atomic<int>>(0));
      notes.push_back(std::make_unique<Notes>());
      const std::string name = std::to_string(lane);
      std::atomic<int>* mine = inside.back().get();
      flow.op("a" + name, {{"in", "source/x", 20, kPaced}}, {"out"},
              {{},
               [mine](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
                 if (event->type != DORA_EVENT_INPUT) return DORA_OK;
                 CHECK(mine->fetch_add(1) == 0);
                 const int32_t status = send_text(host, 0, text_of(event));
                 mine->fetch_sub(1);
                 return status;
               },
               {}},
              static_cast<uint8_t>(lane));
      flow.op("b" + name, {{"in", "local/a" + name + "/out", 3, kPaced}}, {"out"}, forwarder());
      flow.op("c" + name, {{"in", "local/b" + name + "/out", 5, kPaced}}, {}, collector(notes.back().get()));
    }
    flow.go(threads);
    for (int i = 0; i < kMessages; i++) flow.send("source", std::to_string(i));
    for (int lane = 0; lane < kLanes; lane++) {
      notes[static_cast<size_t>(lane)]->wait_for(kMessages);
      const auto lines = notes[static_cast<size_t>(lane)]->all();
      for (size_t i = 0; i < kMessages; i++) REQUIRE(lines[i] == std::to_string(i));
    }
    CHECK_FALSE(flow.stop().has_value());
  }
}

TEST_CASE("a worker that looks at control traffic leaves nobody asleep whom no sender would ring") {
  Flow flow;
  Notes notes;
  flow.node("source", {}, {"x"});
  flow.op("slow", {{"in", "source/x", 4, kPaced}}, {},
          {{},
           [&](const dora_host_t*, const dora_operator_event_t* event) -> int32_t {
             if (event->type != DORA_EVENT_INPUT) return DORA_OK;
             // Longer than a tick: this worker looks at control traffic when it is through, while another one sleeps.
             std::this_thread::sleep_for(std::chrono::milliseconds(12));
             notes.add(text_of(event));
             return DORA_OK;
           },
           {}});
  flow.go(2);
  for (size_t i = 0; i < 30; i++) {
    flow.send("source", std::to_string(i));
    notes.wait_for(i + 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("an operator may send from threads of its own; order per thread holds") {
  Flow flow;
  Notes notes;
  std::vector<std::thread> threads;
  flow.op("producer", {}, {"out"},
          {{},
           [&](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
             if (event->type != DORA_EVENT_START) return DORA_OK;
             for (int t = 0; t < 3; t++) {
               threads.emplace_back([host, t] {
                 for (int i = 0; i < 500;) {
                   if (send_text(host, 0, std::to_string(t) + ":" + std::to_string(i)) == DORA_OK)
                     i++;
                   else
                     std::this_thread::yield();
                 }
               });
             }
             return DORA_OK;
           },
           [&](const dora_host_t*) {
             for (auto& thread : threads) thread.join();
           }});
  flow.op("sink", {{"in", "local/producer/out", 8, kPaced}}, {}, collector(&notes));
  flow.go(2);
  notes.wait_for(1500);
  std::map<char, int> next;
  for (const std::string& line : notes.all()) CHECK(std::stoi(line.substr(2)) == next[line[0]]++);
  CHECK_FALSE(flow.stop().has_value());
}
