// An operator's life: start, closing inputs, stop of one and of all, failure, what a runtime says when it cannot start.
#include "operator_harness.h"

using namespace dora;
using namespace dora::test;

namespace {

/// Notes every event and call by name.
Handlers diary(Notes* notes, const std::string& id,
               std::function<int32_t(const dora_host_t*, const dora_operator_event_t*)> then = {}) {
  return {[=](const dora_host_t*) -> int32_t {
            notes->add(id + ":init");
            return DORA_OK;
          },
          [=](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
            std::string what;
            switch (event->type) {
              case DORA_EVENT_START: what = "start"; break;
              case DORA_EVENT_INPUT: what = text_of(event); break;
              case DORA_EVENT_INPUT_CLOSED:
                what = std::string("closed-") + event->input_id + "-" + std::to_string(event->reason);
                break;
              case DORA_EVENT_INPUT_RECOVERED: what = std::string("recovered-") + event->input_id; break;
              case DORA_EVENT_STOP: what = "stop-" + std::to_string(event->reason); break;
              default: what = "unknown";
            }
            notes->add(id + ":" + what);
            return then ? then(host, event) : DORA_OK;
          },
          [=](const dora_host_t*) { notes->add(id + ":destroy"); }};
}

int32_t forward(const dora_host_t* host, const dora_operator_event_t* event) {
  return event->type == DORA_EVENT_INPUT ? send_text(host, 0, text_of(event)) : DORA_OK;
}

}  // namespace

TEST_CASE("init comes before the node joins, start after everybody has; destroy is last") {
  Flow flow;
  Notes notes;
  flow.op("a", {{"in", "every/1000000000"}}, {}, diary(&notes, "a"));
  const std::string config = flow.announce();
  flow.start(config);
  notes.wait_for(2);
  CHECK_FALSE(flow.stop().has_value());
  CHECK(notes.text() == "a:init a:start a:stop-6 a:destroy");
}

TEST_CASE("when all inputs are closed an operator ends, and what it has sent still arrives downstream") {
  Flow flow;
  Notes notes;
  flow.node("source", {}, {"x"});
  flow.node("sink", {{"in", "runtime/b/out", 10, kPaced}}, {});
  flow.op("a", {{"in", "source/x", 10, kPaced}}, {"out"}, diary(&notes, "a", forward));
  flow.op("b", {{"in", "local/a/out", 10, kPaced}}, {"out"}, diary(&notes, "b", forward));
  flow.go();
  for (int i = 0; i < 5; i++) flow.send("source", std::to_string(i));
  flow.nodes["source"]->close();
  flow.broker->node_ended("flow", "source", true, false);
  for (int i = 0; i < 5; i++) CHECK(flow.take_text("sink") == std::to_string(i));
  CHECK_FALSE(flow.end().has_value());
  const Event closed = flow.take("sink");
  CHECK(closed.type == EventType::input_closed);
  CHECK(closed.reason == DORA_REASON_ENDED);
  const std::string all = " " + notes.text() + " ";
  CHECK(all.find("a:4 ") < all.find("a:closed-in-1 "));
  CHECK(all.find("a:closed-in-1 a:stop-7 a:destroy") != std::string::npos);
  CHECK(all.find("b:4 ") < all.find("b:closed-in-1 "));
  CHECK(all.find("b:closed-in-1 b:stop-7 b:destroy") != std::string::npos);
}

TEST_CASE("an operator that stops itself gets nothing more; its neighbours go on and see its output end") {
  Flow flow;
  Notes notes;
  flow.node("source", {}, {"x"});
  flow.op("quitter", {{"in", "source/x", 4, kPaced}}, {"out"},
          diary(&notes, "q", [](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
            if (event->type == DORA_EVENT_INPUT && text_of(event) == "2") {
              CHECK(host->api->request_stop(host, 7) == DORA_INVALID_ARGUMENT);
              CHECK(host->api->request_stop(host, DORA_STOP_OPERATOR) == DORA_OK);
            }
            return forward(host, event);
          }));
  flow.op("other", {{"in", "source/x", 4, kPaced}, {"q", "local/quitter/out", 100}}, {}, diary(&notes, "o"));
  flow.go();
  // More than its queue holds: a closed input must not pace the source for ever.
  for (int i = 0; i < 50; i++) flow.send("source", std::to_string(i));
  // init and start of two, three messages of q and its destroy, fifty and three of other, and the closing.
  notes.wait_for(4 + 4 + 53 + 1);
  const std::string all = notes.text();
  CHECK(all.find("q:2") < all.find("q:destroy"));
  CHECK(all.find("q:3") == std::string::npos);
  CHECK(all.find("q:stop") == std::string::npos);
  CHECK(all.find("o:49") != std::string::npos);
  CHECK(all.find("o:closed-q-1") != std::string::npos);
  CHECK_FALSE(flow.has_ended());
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("an operator asks for the stop of all: the daemon hears it, and its answer stops every operator") {
  Flow flow;
  Notes notes;
  flow.node("source", {}, {"x"});
  flow.op("a", {{"in", "source/x"}}, {"out"},
          diary(&notes, "a", [](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
            return event->type == DORA_EVENT_INPUT ? host->api->request_stop(host, DORA_STOP_ALL) : DORA_OK;
          }));
  flow.op("b", {{"in", "local/a/out"}}, {}, diary(&notes, "b"));
  flow.go();
  flow.send("source", "go");
  BrokerEvent event;
  bool asked = false;
  for (int i = 0; i < 5000 && !asked; i++) {
    if (!flow.broker->next_event(&event))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    else
      asked = event.kind == BrokerEvent::Kind::request_stop && event.node == "runtime";
  }
  REQUIRE(asked);
  flow.broker->stop_node("flow", "runtime", DORA_REASON_USER, 5'000'000'000);
  CHECK_FALSE(flow.end().has_value());
  const std::string all = notes.text();
  CHECK(all.find("a:stop-6 ") != std::string::npos);
  CHECK(all.find("b:stop-6 ") != std::string::npos);
}

TEST_CASE("a stop waits for a deferred event, and then comes") {
  Flow flow;
  Notes notes;
  std::atomic<uint64_t> token{0};
  std::atomic<const dora_host_t*> host{nullptr};
  flow.node("source", {}, {"x"});
  flow.op("a", {{"in", "source/x"}}, {},
          diary(&notes, "a", [&](const dora_host_t* mine, const dora_operator_event_t* event) -> int32_t {
            if (event->type != DORA_EVENT_INPUT) return DORA_OK;
            host = mine;
            token = event->token;
            return DORA_DEFERRED;
          }));
  flow.go();
  flow.send("source", "0");
  notes.wait_for(3);
  while (token == 0) std::this_thread::yield();
  flow.runtime->stop();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(notes.text() == "a:init a:start a:0");
  CHECK(host.load()->api->complete(host, token, DORA_OK) == DORA_OK);
  CHECK_FALSE(flow.end().has_value());
  CHECK(notes.text() == "a:init a:start a:0 a:stop-6 a:destroy");
}

TEST_CASE("an operator that fails ends alone, and the runtime says so when the others have ended") {
  Flow flow;
  Notes notes;
  flow.node("source", {}, {"x"});
  flow.op("bad", {{"in", "source/x"}}, {"out"},
          diary(&notes, "bad", [](const dora_host_t*, const dora_operator_event_t* event) -> int32_t {
            return event->type == DORA_EVENT_INPUT ? -77 : DORA_OK;
          }));
  flow.op("good", {{"in", "source/x"}, {"bad", "local/bad/out"}}, {}, diary(&notes, "good"));
  flow.go();
  flow.send("source", "0");
  notes.wait_for(8);
  flow.send("source", "1");
  notes.wait_for(9);
  CHECK(notes.text().find("good:1") != std::string::npos);
  CHECK(notes.text().find("bad:1") == std::string::npos);
  const auto failure = flow.stop();
  REQUIRE(failure.has_value());
  CHECK(failure->code == "OPERATOR_FAILED");
  CHECK(failure->message.find("\"bad\" failed with -77 while it handled a message of input \"in\"") !=
        std::string::npos);
}

TEST_CASE("an operator that refuses to start: nobody joins, and those before it are destroyed") {
  Flow flow;
  Notes notes;
  Handlers refusing = diary(&notes, "b");
  refusing.init = [](const dora_host_t* host) -> int32_t {
    host->api->log(host, DORA_LOG_ERROR, "the camera is not plugged in");
    return -5;
  };
  flow.op("a", {}, {}, diary(&notes, "a"));
  flow.op("b", {}, {}, std::move(refusing));
  flow.op("c", {}, {}, diary(&notes, "c"));
  flow.start(flow.announce());
  const auto failure = flow.end();
  REQUIRE(failure.has_value());
  CHECK(failure->code == "OPERATOR_INIT_FAILED");
  CHECK(failure->message.find("\"b\"") != std::string::npos);
  CHECK(failure->message.find("ENDED (-5)") != std::string::npos);
  CHECK(notes.text() == "a:init a:destroy");
}

TEST_CASE("a library that cannot be loaded ends the runtime before it joins") {
  Flow flow;
  flow.library_op("a", library("op_no_entry"), {}, {});
  flow.start(flow.announce());
  const auto failure = flow.end();
  REQUIRE(failure.has_value());
  CHECK(failure->code == "OPERATOR_NO_ENTRY");
}

TEST_CASE("a runtime without a daemon says so") {
  Flow flow;
  flow.op("a", {}, {}, {});
  flow.start("1 nonsense /nowhere");
  const auto failure = flow.end();
  REQUIRE(failure.has_value());
  CHECK_FALSE(failure->code.empty());
  CHECK_FALSE(failure->message.empty());
}

TEST_CASE("a ring of backpressure inputs is refused with its names; one drop_oldest input in it makes it legal") {
  for (Policy last : {Policy::backpressure, Policy::drop_oldest}) {
    Flow flow;
    flow.op("a", {{"from-c", "local/c/out", 4, last}}, {"out"}, forwarder());
    flow.op("b", {{"from-a", "local/a/out", 4, kPaced}}, {"out"}, forwarder());
    flow.op("c", {{"from-b", "local/b/out", 4, kPaced}}, {"out"}, forwarder());
    flow.start(flow.announce());
    if (last == Policy::drop_oldest) {
      CHECK_FALSE(flow.stop().has_value());
      continue;
    }
    const auto failure = flow.end();
    REQUIRE(failure.has_value());
    CHECK(failure->code == "BACKPRESSURE_CYCLE");
    CHECK(failure->message.find("b/from-a -> c/from-b -> a/from-c") != std::string::npos);
  }
}

TEST_CASE("a stop before the dataflow has started ends the runtime") {
  Flow flow;
  Notes notes;
  flow.node("late", {}, {"x"});
  flow.op("a", {{"in", "late/x"}}, {}, diary(&notes, "a"));
  // The node "late" has joined but its side of the edge is never opened, so the start does not come.
  flow.start(flow.announce());
  notes.wait_for(1);
  CHECK_FALSE(flow.stop().has_value());
  CHECK(notes.text() == "a:init a:stop-6 a:destroy");
}

TEST_CASE("publishing before the start is refused, and the host answers questions about itself") {
  Flow flow;
  Notes notes;
  Handlers mine = diary(&notes, "a", [&](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
    if (event->type != DORA_EVENT_START) return DORA_OK;
    dora_error_t error;
    dora_operator_loan_t loan;
    CHECK(host->api->loan(host, 2, 8, &loan, &error) == DORA_UNKNOWN_OUTPUT);
    CHECK(std::string(error.message).find("no output of index 2") != std::string::npos);
    REQUIRE(host->api->loan(host, 1, 8, &loan, &error) == DORA_OK);
    CHECK(reinterpret_cast<uintptr_t>(loan.data) % 64 == 0);
    host->api->discard(host, &loan);
    host->api->discard(host, &loan);
    REQUIRE(host->api->loan(host, 1, 8, &loan, &error) == DORA_OK);
    loan.size = 4;
    CHECK(host->api->send(host, &loan, 99, nullptr, 0, &error) == DORA_INVALID_ARGUMENT);
    CHECK(host->api->send(host, &loan, DORA_ENCODING_RAW, nullptr, 0, &error) == DORA_OK);
    CHECK(host->api->send(host, &loan, DORA_ENCODING_RAW, nullptr, 0, &error) == DORA_INVALID_ARGUMENT);
    const auto* check =
        static_cast<const dora_ext_thread_check_t*>(host->api->get_extension(host, DORA_EXT_THREAD_CHECK));
    REQUIRE(check != nullptr);
    CHECK(check->is_worker(host) == 1);
    int32_t elsewhere = 1;
    std::thread([&] { elsewhere = check->is_worker(host); }).join();
    CHECK(elsewhere == 0);
    const uint64_t now = host->api->now(host);
    CHECK(host->api->now(host) > now);
    return DORA_OK;
  });
  mine.init = [](const dora_host_t* host) -> int32_t {
    dora_error_t error;
    CHECK(host->api->send_copy(host, 0, "x", 1, DORA_ENCODING_RAW, nullptr, 0, &error) == DORA_WOULD_BLOCK);
    CHECK(std::string(error.message).find("DORA_EVENT_START") != std::string::npos);
    CHECK(std::string(host->api->operator_id(host)) == "a");
    CHECK(host->api->output_index(host, "second") == 1);
    CHECK(host->api->output_index(host, "third") == DORA_UNKNOWN_OUTPUT);
    CHECK(host->api->input_index(host, "in") == 0);
    CHECK(host->api->input_index(host, "out") == DORA_INVALID_ARGUMENT);
    CHECK(host->api->get_extension(host, DORA_EXT_STATE) == nullptr);
    CHECK(host->api->now(host) > 1'600'000'000'000'000'000u);
    return DORA_OK;
  };
  flow.op("a", {{"in", "every/1000000000"}}, {"first", "second"}, std::move(mine));
  flow.start(flow.announce());
  notes.wait_for(1);
  CHECK_FALSE(flow.stop().has_value());
}
