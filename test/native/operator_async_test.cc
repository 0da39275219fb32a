// Events that go on after on_event has returned: deferred ones, and samples that are kept.
#include "operator_harness.h"

using namespace dora;
using namespace dora::test;

TEST_CASE("a deferred event is finished from another thread; until then the next one waits and its memory stays") {
  Flow flow;
  Notes notes;
  std::vector<std::thread> threads;
  flow.node("source", {}, {"x"});
  flow.op("async", {{"in", "source/x", 100, kPaced}}, {"out"},
          {{},
           [&](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
             if (event->type != DORA_EVENT_INPUT) return DORA_OK;
             notes.add("begin" + text_of(event));
             threads.emplace_back([&notes, host, event] {
               std::this_thread::sleep_for(std::chrono::microseconds(event->sequence * 37 % 500));
               notes.add("end" + text_of(event));
               const uint64_t token = event->token;
               CHECK(host->api->complete(host, token + 1, DORA_OK) == DORA_INVALID_ARGUMENT);
               CHECK(host->api->complete(host, token, DORA_OK) == DORA_OK);
             });
             return DORA_DEFERRED;
           },
           {}});
  flow.go();
  for (int i = 0; i < 100; i++) flow.send("source", std::to_string(i));
  notes.wait_for(200);
  const auto lines = notes.all();
  for (size_t i = 0; i < 100; i++) {
    CHECK(lines[2 * i] == "begin" + std::to_string(i));
    CHECK(lines[2 * i + 1] == "end" + std::to_string(i));
  }
  CHECK_FALSE(flow.stop().has_value());
  for (auto& thread : threads) thread.join();
}

TEST_CASE("an event may be completed before on_event has returned, and only once") {
  Flow flow;
  Notes notes;
  flow.node("source", {}, {"x"});
  flow.op("eager", {{"in", "source/x", 100, kPaced}}, {},
          {{},
           [&](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
             if (event->type != DORA_EVENT_INPUT) return DORA_OK;
             CHECK(host->api->complete(host, event->token, DORA_OK) == DORA_OK);
             CHECK(host->api->complete(host, event->token, DORA_OK) == DORA_INVALID_ARGUMENT);
             notes.add(text_of(event));
             return DORA_DEFERRED;
           },
           {}});
  flow.go();
  for (int i = 0; i < 10; i++) flow.send("source", std::to_string(i));
  notes.wait_for(10);
  CHECK(notes.text() == "0 1 2 3 4 5 6 7 8 9");
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("a retained sample outlives its event, local and from outside, and can be released by any thread") {
  Flow flow;
  Notes notes;
  struct Kept {
    const dora_host_t* host;
    dora_sample_t* sample;
    const uint8_t* data;
    uint64_t size;
  };
  std::mutex lock;
  std::vector<Kept> kept;
  auto keeper = [&](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
    dora_sample_t* sample = host->api->sample_retain(host, event);
    CHECK((sample == nullptr) == (event->type != DORA_EVENT_INPUT));
    if (event->type != DORA_EVENT_INPUT) return DORA_OK;
    std::lock_guard guard(lock);
    kept.push_back({host, sample, event->data, event->size});
    if (host->api->output_index(host, "out") == 0) CHECK(send_text(host, 0, text_of(event)) == DORA_OK);
    notes.add("kept");
    return DORA_OK;
  };
  flow.node("source", {}, {"x"});
  flow.op("a", {{"in", "source/x", 100, kPaced}}, {"out"}, {{}, keeper, {}});
  flow.op("b", {{"in", "local/a/out", 100, kPaced}}, {}, {{}, keeper, {}});
  flow.go();
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < 5; i++) flow.send("source", "message " + std::to_string(i));
    notes.wait_for(10);
    notes.clear();
    std::lock_guard guard(lock);
    REQUIRE(kept.size() == 10);
    for (const Kept& one : kept) {
      const std::string text(reinterpret_cast<const char*>(one.data), one.size);
      CHECK(text.substr(0, 8) == "message ");
      one.host->api->sample_release(one.host, one.sample);
    }
    kept.clear();
  }
  CHECK_FALSE(flow.stop().has_value());
}
