// Messages that never leave the process: memory, metadata, fan-out, room under each policy, exact counts with several
// workers, and who may join such an output later.
#include "operator/local_memory.h"

#include "operator/instance.h"
#include "operator_harness.h"

using namespace dora;
using namespace dora::test;

namespace {

/// One int64 under "n".
std::vector<uint8_t> metadata_of(const dora_host_t* host, int64_t n, size_t padding = 0) {
  std::vector<uint8_t> bytes(128 + padding);
  uint64_t size = 0;
  CHECK(host->api->metadata_put(host, bytes.data(), bytes.size(), &size, "n", DORA_META_INT64, &n, sizeof n) ==
        DORA_OK);
  if (padding > 0) {
    const std::string text(padding, 'p');
    CHECK(host->api->metadata_put(host, bytes.data(), bytes.size(), &size, "p", DORA_META_STRING, text.data(),
                                  text.size()) == DORA_OK);
  }
  bytes.resize(size);
  return bytes;
}

int64_t number_of(const dora_host_t* host, const dora_operator_event_t* event) {
  uint32_t type = 0;
  const void* value = nullptr;
  uint64_t size = 0;
  if (host->api->metadata_get(host, event->metadata, event->metadata_size, "n", &type, &value, &size) != DORA_OK)
    return -1;
  int64_t n;
  memcpy(&n, value, sizeof n);
  return n;
}

/// Runs `act` when the flow has started.
Handlers at_start(std::function<void(const dora_host_t*)> act) {
  return {{},
          [act = std::move(act)](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
            if (event->type == DORA_EVENT_START) act(host);
            return DORA_OK;
          },
          {}};
}

/// sent = received + dropped + in flight.
void check_sums(const InputCounts& counts) {
  CAPTURE(counts.id);
  CHECK(counts.sent == counts.received + counts.dropped + counts.in_flight);
  CHECK(counts.lost == 0);
}

}  // namespace

TEST_CASE("a slot that came back is the next one lent, for any output; each output has a bound of its own") {
  LocalMemory memory;
  Output a, b;
  a.most_slots = 2;
  b.most_slots = 1;
  LocalSlot* first = memory.take(&a, 64, 20);
  REQUIRE(first != nullptr);
  CHECK(reinterpret_cast<uintptr_t>(first->data()) % 64 == 0);
  LocalSlot* second = memory.take(&a, 64, 20);
  CHECK(memory.take(&a, 1, 0) == nullptr);
  CHECK(a.slots == 2);
  first->refs++;
  memory.unref(first);
  CHECK(a.slots == 2);
  memory.unref(first);
  CHECK(a.slots == 1);
  CHECK(memory.take(&b, 0, 0) == first);
  CHECK(memory.take(&b, 0, 0) == nullptr);
  memory.unref(second);
  CHECK(a.slots == 0);
  memory.unref(first);
}

TEST_CASE("a local slot holds what it was taken for, at every size") {
  LocalMemory memory;
  Output output;
  output.most_slots = 1;
  for (uint64_t payload = 0; payload < 40000; payload += payload < 1200 ? 1 : 511) {
    for (const uint32_t metadata : {0u, 63u, 65u, 700u}) {
      LocalSlot* slot = memory.take(&output, payload, metadata);
      REQUIRE(slot != nullptr);
      const uint64_t needed = LocalMemory::metadata_offset(payload) + metadata;
      REQUIRE(slot->capacity >= needed);
      REQUIRE(slot->capacity <= std::max<uint64_t>(256, (needed + 128) * 5 / 4 + 64));
      memset(slot->data(), 0x5a, slot->capacity);
      memory.unref(slot);
    }
  }
}

TEST_CASE("a list of operators keeps every text, the shared ones once, also after it forgot the rest") {
  OperatorList list;
  const std::string longer(40000, 'l');
  for (int i = 0; i < 2000; i++) {
    const std::string id = "operator" + std::to_string(i);
    list.add({id, i % 2 == 0 ? "/lib/even.so" : "/lib/odd.so", static_cast<uint8_t>(i), {"in", id + "-in"}, {"out"}});
  }
  list.add({longer, "/lib/even.so", 0, {}, {}});
  REQUIRE(list.size() == 2001);
  std::vector<const char*> ids;
  for (uint32_t i = 0; i < 2000; i++) {
    const OperatorList::Entry entry = list.at(i);
    const std::string id = "operator" + std::to_string(i);
    REQUIRE(entry.id == id);
    CHECK(entry.library == list.at(i % 2).library);
    CHECK(entry.priority == static_cast<uint8_t>(i));
    REQUIRE(entry.input_count == 2);
    REQUIRE(entry.output_count == 1);
    CHECK(entry.inputs[0] == list.at(0).inputs[0]);
    CHECK(entry.inputs[1] == id + "-in");
    CHECK(entry.outputs[0] == std::string("out"));
    ids.push_back(entry.id);
  }
  CHECK(list.at(2000).id == longer);
  CHECK(list.at(2000).input_count == 0);
  CHECK(list.repeated_id() == nullptr);
  list.add({"operator77", "/lib/odd.so", 0, {}, {}});
  REQUIRE(list.repeated_id() != nullptr);
  CHECK(list.repeated_id() == std::string("operator77"));
  list.keep_texts();
  CHECK(list.size() == 0);
  for (uint32_t i = 0; i < 2000; i++) REQUIRE(ids[i] == "operator" + std::to_string(i));
}

TEST_CASE("payload, metadata, encoding, sequence and stamp arrive, copied or lent, small and large") {
  Flow flow;
  Notes notes;
  std::atomic<uint64_t> last_sent_at{0}, last_sequence{0};
  constexpr uint64_t kSizes[] = {0, 1, 64, 1023, 1024, 1025, 70000, 3 << 20};
  constexpr size_t kMetadata[] = {0, 50, 500, 60000};
  flow.op("first", {}, {"out"}, at_start([&](const dora_host_t* host) {
            const uint64_t before = host->api->now(host);
            int64_t n = 0;
            for (const uint64_t size : kSizes) {
              for (const size_t padding : kMetadata) {
                const std::vector<uint8_t> payload(size, static_cast<uint8_t>(n));
                const auto metadata = metadata_of(host, n, padding);
                CHECK(host->api->send_copy(host, 0, payload.data(), size, DORA_ENCODING_JSON, metadata.data(),
                                           static_cast<uint32_t>(metadata.size()), nullptr) == DORA_OK);
                dora_operator_loan_t loan;
                CHECK(host->api->loan(host, 0, size + 100, &loan, nullptr) == DORA_OK);
                CHECK(reinterpret_cast<uintptr_t>(loan.data) % 64 == 0);
                loan.size = size;
                if (size > 0) memset(loan.data, static_cast<int>(n), size);
                CHECK(host->api->send(host, &loan, DORA_ENCODING_JSON, metadata.data(),
                                      static_cast<uint32_t>(metadata.size()), nullptr) == DORA_OK);
                n++;
              }
            }
            CHECK(host->api->now(host) > before);
          }));
  flow.op("last", {{"in", "local/first/out", 100}}, {},
          {{},
           [&](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
             if (event->type != DORA_EVENT_INPUT) return DORA_OK;
             const uint64_t at = (event->sequence - 1) / 2;
             const auto n = static_cast<uint8_t>(at);
             CHECK(event->sequence == last_sequence + 1);
             CHECK(event->sent_at_ns > last_sent_at);
             last_sequence = event->sequence;
             last_sent_at = event->sent_at_ns;
             CHECK(event->encoding == DORA_ENCODING_JSON);
             CHECK(number_of(host, event) == static_cast<int64_t>(at));
             CHECK(event->size == kSizes[at / 4]);
             CHECK((event->data == nullptr) == (event->size == 0));
             for (uint64_t i = 0; i < event->size; i++) {
               if (event->data[i] != n) {
                 FAIL_CHECK("byte " << i << " of message " << at);
                 break;
               }
             }
             notes.add("got");
             return DORA_OK;
           },
           {}});
  flow.go();
  notes.wait_for(2 * std::size(kSizes) * std::size(kMetadata));
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("a loan is sent or given back once, by its own operator, and no larger than it was lent") {
  Flow flow;
  Notes notes;
  flow.op("neighbour", {}, {"out"}, {});
  flow.op("eater", {{"in", "local/neighbour/out"}}, {}, {});
  flow.op("a", {}, {"out"}, at_start([&](const dora_host_t* host) {
            const dora_host_api_t& api = *host->api;
            dora_error_t error;
            dora_operator_loan_t loan, copy;
            REQUIRE(api.loan(host, 0, 10, &loan, nullptr) == DORA_OK);
            copy = loan;
            loan.size = 11;
            CHECK(api.send(host, &loan, DORA_ENCODING_RAW, nullptr, 0, &error) == DORA_INVALID_ARGUMENT);
            loan.size = 10;
            CHECK(api.send(host, &loan, DORA_ENCODING_RAW, nullptr, 0, nullptr) == DORA_OK);
            CHECK(api.send(host, &loan, DORA_ENCODING_RAW, nullptr, 0, &error) == DORA_INVALID_ARGUMENT);
            CHECK(api.send(host, &copy, DORA_ENCODING_RAW, nullptr, 0, &error) == DORA_INVALID_ARGUMENT);
            CHECK(std::string(error.message).find("already") != std::string::npos);
            REQUIRE(api.loan(host, 0, 10, &loan, nullptr) == DORA_OK);
            copy = loan;
            api.discard(host, &loan);
            api.discard(host, &loan);
            api.discard(host, &copy);
            CHECK(api.send(host, &loan, DORA_ENCODING_RAW, nullptr, 0, nullptr) == DORA_INVALID_ARGUMENT);
            // Metadata that does not fit moves it to a larger slot; the old one is nobody's then.
            const std::vector<uint8_t> large = metadata_of(host, 1, 5000);
            REQUIRE(api.loan(host, 0, 10, &loan, nullptr) == DORA_OK);
            copy = loan;
            CHECK(api.send(host, &loan, DORA_ENCODING_RAW, large.data(), static_cast<uint32_t>(large.size()),
                           nullptr) == DORA_OK);
            CHECK(api.send(host, &copy, DORA_ENCODING_RAW, nullptr, 0, nullptr) == DORA_INVALID_ARGUMENT);
            CHECK(api.loan(host, 0, uint64_t{1} << 33, &loan, &error) == DORA_TOO_LARGE);
            CHECK(api.loan(host, 1, 1, &loan, &error) == DORA_UNKNOWN_OUTPUT);
            notes.add("checked");
          }));
  flow.op("b", {{"in", "local/a/out"}}, {}, collector(&notes));
  flow.go();
  notes.wait_for(3);
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("who keeps all slots of an output is told so, and it goes on when they come back") {
  Flow flow;
  Notes notes;
  std::vector<dora_sample_t*> kept;
  const dora_host_t* keeper = nullptr;
  std::mutex lock;
  std::atomic<bool> exhausted{false};
  flow.node("source", {}, {"x"});
  flow.op("a", {{"in", "source/x", 10, kPaced}}, {"out"},
          {{},
           [&](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
             if (event->type != DORA_EVENT_INPUT) return DORA_OK;
             dora_error_t error;
             const int32_t status = host->api->send_copy(host, 0, "x", 1, DORA_ENCODING_RAW, nullptr, 0, &error);
             if (status == DORA_SHM_EXHAUSTED) {
               CHECK(std::string(error.message).find("a/out") == std::string::npos);
               CHECK(std::string(error.message).find("output \"out\" has no slot of 1 bytes") != std::string::npos);
               exhausted = true;
             }
             notes.add(status == DORA_OK ? "sent" : "refused");
             return DORA_OK;
           },
           {}});
  flow.op("b", {{"in", "local/a/out", 4}}, {},
          {{},
           [&](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
             if (event->type != DORA_EVENT_INPUT) return DORA_OK;
             std::lock_guard guard(lock);
             keeper = host;
             kept.push_back(host->api->sample_retain(host, event));
             return DORA_OK;
           },
           {}});
  flow.go();
  size_t sent = 0;
  while (!exhausted) {
    REQUIRE(sent < 5000);
    flow.send("source", "go");
    notes.wait_for(++sent);
  }
  CHECK(sent > 1000);
  {
    std::lock_guard guard(lock);
    for (dora_sample_t* sample : kept) keeper->api->sample_release(keeper, sample);
    kept.clear();
  }
  for (int i = 0; i < 100; i++) {
    flow.send("source", "go");
    notes.wait_for(++sent);
    REQUIRE(notes.all().back() == "sent");
  }
  check_sums(flow.input_counts("b/in"));
  {
    std::lock_guard guard(lock);
    for (dora_sample_t* sample : kept) keeper->api->sample_release(keeper, sample);
  }
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE(
    "one output, readers of each policy: the paced one holds the others back, the dropping ones keep the newest") {
  Flow flow;
  Notes paced, dropping, single;
  Gate gate;
  constexpr int kMessages = 300;
  flow.op("first", {}, {"out"}, at_start([&](const dora_host_t* host) {
            for (int i = 0; i < kMessages; i++) CHECK(send_text(host, 0, std::to_string(i)) == DORA_OK);
          }));
  flow.op("paced", {{"in", "local/first/out", 8, kPaced}}, {}, collector(&paced), 9);
  flow.op("dropping", {{"in", "local/first/out", 3}}, {}, collector(&dropping));
  flow.op("single", {{"in", "local/first/out", 1}}, {}, collector(&single));
  flow.go();
  paced.wait_for(kMessages);
  const auto lines = paced.all();
  for (size_t i = 0; i < kMessages; i++) REQUIRE(lines[i] == std::to_string(i));
  const auto newest = [&](Notes& notes) {
    while (notes.all().empty() || notes.all().back() != std::to_string(kMessages - 1)) std::this_thread::yield();
  };
  newest(dropping);
  newest(single);
  for (const char* input : {"paced/in", "dropping/in", "single/in"}) {
    const InputCounts counts = flow.input_counts(input);
    check_sums(counts);
    CHECK(counts.sent == kMessages);
    CHECK(counts.in_flight == 0);
  }
  CHECK(flow.input_counts("paced/in").dropped == 0);
  CHECK(flow.input_counts("dropping/in").received == dropping.all().size());
  CHECK(flow.input_counts("single/in").received == single.all().size());
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("an output that a neighbour and another node read delivers to both, under each of their policies") {
  Flow flow;
  Notes notes;
  constexpr int kMessages = 200;
  flow.op("first", {}, {"out"}, at_start([&](const dora_host_t* host) {
            for (int i = 0; i < kMessages; i++) CHECK(send_text(host, 0, std::to_string(i)) == DORA_OK);
          }));
  flow.op("paced", {{"in", "local/first/out", 4, kPaced}}, {}, collector(&notes));
  flow.op("dropping", {{"in", "local/first/out", 2}}, {}, {});
  flow.node("sink", {{"in", "runtime/first/out", 3, kPaced}}, {});
  flow.go();
  for (int i = 0; i < kMessages; i++) REQUIRE(flow.take_text("sink") == std::to_string(i));
  notes.wait_for(kMessages);
  const auto lines = notes.all();
  for (size_t i = 0; i < kMessages; i++) REQUIRE(lines[i] == std::to_string(i));
  check_sums(flow.input_counts("paced/in"));
  const InputCounts dropping = flow.input_counts("dropping/in");
  check_sums(dropping);
  CHECK(dropping.sent == kMessages);
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("a neighbour's queue holds what it says, thousands too, whether or not others read the output") {
  for (const bool shared : {false, true}) {
    CAPTURE(shared);
    Flow flow;
    Notes notes;
    constexpr int kMessages = 3000;
    flow.op("first", {}, {"out"}, at_start([&](const dora_host_t* host) {
              for (int i = 0; i < kMessages; i++) CHECK(send_text(host, 0, std::to_string(i)) == DORA_OK);
            }));
    flow.op("last", {{"in", "local/first/out", kMessages}}, {}, collector(&notes));
    if (shared) flow.node("sink", {{"in", "runtime/first/out", 1}}, {});
    flow.go();
    notes.wait_for(kMessages);
    CHECK(flow.input_counts("last/in").dropped == 0);
    CHECK_FALSE(flow.stop().has_value());
  }
}

TEST_CASE("who joins later may read an output that others read already, and is refused one that is the runtime's own") {
  for (const bool shared : {true, false}) {
    CAPTURE(shared);
    Flow flow;
    Notes notes;
    flow.node("source", {}, {"x"});
    flow.op("a", {{"in", "source/x", 10, kPaced}}, {"out"}, forwarder());
    flow.op("b", {{"in", "local/a/out", 10, kPaced}}, {}, collector(&notes));
    if (shared) flow.node("sink", {{"in", "runtime/a/out", 10}}, {});
    flow.go();
    flow.send("source", "early");
    notes.wait_for(1);
    BrokerNode late;
    late.dataflow = "flow";
    late.node = "late";
    BrokerInput input;
    input.id = "in";
    input.source_node = "runtime";
    input.source_output = "a/out";
    late.inputs.push_back(input);
    std::vector<std::string> tokens;
    Error error;
    REQUIRE(flow.broker->add_nodes({late}, &tokens, &error) == Status::ok);
    REQUIRE(Node::connect({flow.broker->node_config(tokens[0]), nullptr}, &flow.nodes["late"], &error) == Status::ok);
    REQUIRE(flow.nodes["late"]->wait_start(&error) == Status::ok);
    // Whoever reads it or not: neighbours go on.
    for (int i = 0; i < 100; i++) {
      flow.send("source", std::to_string(i));
      if (shared) CHECK(flow.take_text("late") == std::to_string(i));
    }
    notes.wait_for(101);
    if (!shared) {
      const Event event = flow.take("late");
      CHECK(event.type == EventType::input_closed);
      CHECK(event.reason == DORA_REASON_FAILURE);
    }
    check_sums(flow.input_counts("b/in"));
    CHECK(flow.input_counts("b/in").received == 101);
    CHECK_FALSE(flow.stop().has_value());
  }
}

TEST_CASE("operators are wired by name, in whatever order the daemon tells the node's inputs and outputs") {
  Flow flow;
  Notes notes;
  flow.node("source", {}, {"x"});
  flow.op("a", {{"in", "source/x", 10, kPaced}}, {"unused", "out"},
          {{},
           [](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
             return event->type == DORA_EVENT_INPUT ? send_text(host, 1, "a" + text_of(event)) : DORA_OK;
           },
           {}});
  flow.op("b", {{"other", "local/a/unused"}, {"in", "local/a/out", 10, kPaced}}, {"out"}, forwarder());
  flow.op("c", {{"in", "local/b/out", 10, kPaced}}, {}, collector(&notes));
  std::swap(flow.specs[0], flow.specs[2]);
  flow.go();
  for (int i = 0; i < 3; i++) flow.send("source", std::to_string(i));
  notes.wait_for(3);
  CHECK(notes.text() == "a0 a1 a2");
  CHECK(flow.counts("b/in") == std::pair<uint64_t, uint64_t>{3, 0});
  CHECK_FALSE(flow.stop().has_value());
}

TEST_CASE("several workers, threads of operators and kept samples at once: no message is lost, doubled or miscounted") {
  for (const uint32_t workers : {1u, 2u, 4u}) {
    CAPTURE(workers);
    Flow flow;
    constexpr int kThreads = 3, kMessages = 2000, kLanes = 4;
    std::vector<std::thread> threads;
    std::atomic<int> senders{0};
    std::atomic<uint64_t> accepted{0};
    // The newest sample that somebody kept; whoever exchanges it releases what he got.
    std::atomic<dora_sample_t*> held{nullptr};
    std::atomic<const dora_host_t*> keeper{nullptr};
    std::atomic<bool> over{false};
    std::thread releaser([&] {
      while (!over) {
        if (dora_sample_t* sample = held.exchange(nullptr)) keeper.load()->api->sample_release(keeper, sample);
        std::this_thread::yield();
      }
    });
    Notes done;
    flow.op("hub", {}, {"out"},
            {{},
             [&](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
               if (event->type != DORA_EVENT_START) return DORA_OK;
               for (int t = 0; t < kThreads; t++) {
                 threads.emplace_back([&, host, t] {
                   for (int i = 0; i < kMessages;) {
                     dora_operator_loan_t loan;
                     int32_t status;
                     if (i % 2 == 0) {
                       status = send_text(host, 0, std::to_string(t) + ":" + std::to_string(i));
                     } else if ((status = host->api->loan(host, 0, 64, &loan, nullptr)) == DORA_OK) {
                       const std::string text = std::to_string(t) + ":" + std::to_string(i);
                       memcpy(loan.data, text.data(), text.size());
                       loan.size = text.size();
                       status = host->api->send(host, &loan, DORA_ENCODING_UTF8, nullptr, 0, nullptr);
                       if (status != DORA_OK) host->api->discard(host, &loan);
                     }
                     if (status == DORA_OK) {
                       accepted++;
                       i++;
                     } else {
                       std::this_thread::yield();
                     }
                   }
                   if (++senders == kThreads) done.add("senders");
                 });
               }
               return DORA_OK;
             },
             [&](const dora_host_t*) {
               for (auto& thread : threads) thread.join();
             }});
    std::vector<std::unique_ptr<std::array<int, kThreads>>> next;
    for (int lane = 0; lane < kLanes; lane++) {
      const bool paced = lane % 2 == 0;
      next.push_back(std::make_unique<std::array<int, kThreads>>());
      auto* mine = next.back().get();
      flow.op("lane" + std::to_string(lane),
              {{"in", "local/hub/out", paced ? 16u : 2u, paced ? kPaced : Policy::drop_oldest}}, {"out"},
              {{},
               [&, mine, paced](const dora_host_t* host, const dora_operator_event_t* event) -> int32_t {
                 if (event->type != DORA_EVENT_INPUT) return DORA_OK;
                 const std::string text = text_of(event);
                 int& expected = (*mine)[static_cast<size_t>(text[0] - '0')];
                 const int number = std::stoi(text.substr(2));
                 if (paced ? number != expected : number < expected) FAIL_CHECK(text << " came for " << expected);
                 expected = number + 1;
                 keeper = host;
                 host->api->sample_release(host, held.exchange(host->api->sample_retain(host, event)));
                 return send_text(host, 0, text);
               },
               {}},
              static_cast<uint8_t>(lane));
      flow.op("end" + std::to_string(lane), {{"in", "local/lane" + std::to_string(lane) + "/out", 8, kPaced}}, {}, {});
    }
    flow.go(workers);
    done.wait_for(1);
    // What was accepted may be kept for want of room, and is sent then.
    const auto all_read = [&](const std::string& input, uint64_t sent) {
      const auto give_up = std::chrono::steady_clock::now() + kPatience;
      for (;;) {
        const InputCounts counts = flow.input_counts(input);
        if (counts.sent == sent && counts.in_flight == 0) return counts;
        REQUIRE_MESSAGE(std::chrono::steady_clock::now() < give_up,
                        input << ": " << counts.sent << " sent, " << counts.in_flight << " in flight");
        std::this_thread::yield();
      }
    };
    CHECK(accepted == kThreads * kMessages);
    for (int lane = 0; lane < kLanes; lane++) {
      const InputCounts counts = all_read("lane" + std::to_string(lane) + "/in", kThreads * kMessages);
      check_sums(counts);
      if (lane % 2 == 0) CHECK(counts.dropped == 0);
      const InputCounts last = all_read("end" + std::to_string(lane) + "/in", counts.received);
      check_sums(last);
      CHECK(last.dropped == 0);
    }
    over = true;
    releaser.join();
    keeper.load()->api->sample_release(keeper, held.exchange(nullptr));
    CHECK_FALSE(flow.stop().has_value());
  }
}
