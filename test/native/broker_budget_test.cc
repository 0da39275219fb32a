// The broker's memory budget: what is counted, refusal with figures, and memory that comes back.
#include "broker_harness.h"

using namespace dora;
using namespace dora::test;
using Kind = BrokerEvent::Kind;

namespace {

constexpr uint64_t kMiB = 1 << 20;

wire::Grant request(FakeNode& node, uint64_t bytes) {
  static uint64_t number = 0;
  REQUIRE(node.send(wire::GrantRequest{++number, bytes}) == Status::ok);
  const auto grant = node.expect<wire::Grant>();
  CHECK(grant.number == number);
  return grant;
}

BrokerNode source(const std::string& id, uint64_t limit = 0) {
  auto node = Harness::node(id, {"out"});
  node.barrier = false;
  node.memory_limit = limit;
  return node;
}

}  // namespace

TEST_CASE("a grant is exact or nothing, with figures that say why") {
  Harness h(16 * kMiB);
  FakeNode node = h.join_ready(h.add({source("camera")})[0]);
  CHECK(node.welcome.granted == kMiB);
  const auto given = request(node, 5 * kMiB + 1);
  CHECK(given.granted == 5 * kMiB + 1);
  CHECK(given.machine_limit == 16 * kMiB);
  CHECK(given.machine_used == given.node_used);
  CHECK(given.node_used == 6 * kMiB + 1 + 2 * page_size());  // and inbox and ledger
  const auto refused = request(node, 11 * kMiB);
  CHECK(refused.granted == 0);
  CHECK(refused.node_used == given.node_used);
  const auto event = h.wait_event(Kind::exhausted, "camera");
  CHECK(event.text.find("11.0 MiB") != std::string::npos);
  CHECK(event.text.find("16.0 MiB") != std::string::npos);
  CHECK(request(node, UINT64_MAX).granted == 0);
  CHECK(request(node, 0).granted == 0);
  CHECK(request(node, 9 * kMiB).granted == 9 * kMiB);
}

TEST_CASE("a node's own limit binds it, not its neighbours") {
  Harness h(64 * kMiB);
  const auto tokens = h.add({source("small", 4 * kMiB), source("large")});
  FakeNode small = h.join_ready(tokens[0]);
  FakeNode large = h.join_ready(tokens[1]);
  CHECK(small.outputs[0].map_bytes == 4 * kMiB);
  CHECK(large.outputs[0].map_bytes == 64 * kMiB);
  CHECK(request(small, 4 * kMiB).granted == 0);
  CHECK(request(large, 40 * kMiB).granted == 40 * kMiB);
  CHECK(request(small, 2 * kMiB).granted == 2 * kMiB);
}

TEST_CASE("the first grant is cut to what there is, and nodes beyond the budget are refused with words") {
  Harness h(2 * page_size() + 3 * page_size());
  const auto tokens = h.add({source("first"), source("second")});
  FakeNode first = h.join_ready(tokens[0]);
  CHECK(first.welcome.granted == 3 * page_size());
  FakeNode second = h.connect();
  REQUIRE(second.hello(tokens[1]) == Status::ok);
  const auto refused = second.expect<wire::Refused>();
  CHECK(refused.status == DORA_SHM_EXHAUSTED);
  CHECK(refused.message.find("second") != std::string::npos);
}

TEST_CASE("a dead process's memory comes back when the daemon has said that it ended") {
  Harness h(16 * kMiB);
  const auto tokens = h.add({source("a"), source("b")});
  FakeNode a = h.join_ready(tokens[0]);
  FakeNode b = h.join_ready(tokens[1]);
  CHECK(request(a, 10 * kMiB).granted == 10 * kMiB);
  CHECK(request(b, 10 * kMiB).granted == 0);
  a.process.kill_now();
  h.wait_event(Kind::lost, "a");
  CHECK(request(b, 10 * kMiB).granted == 0);
  h.broker->node_ended("flow", "a", false, true);
  const auto grant = request(b, 10 * kMiB);
  CHECK(grant.granted == 10 * kMiB);
  CHECK(grant.machine_used == grant.node_used);
}

TEST_CASE("an edge is charged to its subscriber and comes back when both ends are gone") {
  Harness h(16 * kMiB);
  RunningPair p(h);
  const uint64_t region = round_to_page(edge_region_size(p.in.constants.cells, p.in.constants.rel_words));
  CHECK(h.broker->counts("flow")[1].memory_granted == 2 * page_size() + region);
  h.kill(&p.plot, "plot", true);
  CHECK(h.broker->counts("flow")[1].memory_granted == 0);
  h.kill(&p.camera, "camera", true);
  CHECK(h.broker->counts("flow")[0].memory_granted == 0);
}

TEST_CASE("many restarts of either end use up nothing") {
  Harness h(16 * kMiB);
  RunningPair p(h);
  const uint64_t plot_before = h.broker->counts("flow")[1].memory_granted;
  for (uint32_t i = 1; i <= 30; i++) {
    h.kill(&p.camera, "camera", false);
    p.camera = h.join_ready(h.again(p.specs[0], i));
    p.out = p.camera.open_out();
    p.in = p.plot.open_in();
    p.camera.expect<wire::Start>();
    p.out.put(3);
    p.in.take(3);
  }
  h.kill(&p.plot, "plot", false);
  p.plot = h.join_ready(h.again(p.specs[1], 1));
  p.out = p.camera.reopen_out(p.out);
  p.in = p.plot.open_in();
  CHECK(h.broker->counts("flow")[1].memory_granted == plot_before);
  CHECK(h.input_counts("plot").sent == 90);
}

TEST_CASE("an edge that does not fit is said, closed, and holds up nobody") {
  Harness h(16 * kMiB);
  auto specs = Harness::pair();
  specs[1].memory_limit = 3 * page_size();
  specs[1].inputs[0].queue_size = kMaxQueueSize;
  const auto tokens = h.add(specs);
  FakeNode camera = h.join_ready(tokens[0]);
  FakeNode plot = h.join_ready(tokens[1]);
  CHECK(h.wait_event(Kind::exhausted, "plot").text.find("camera/image") != std::string::npos);
  camera.expect<wire::Start>();
  plot.expect<wire::Start>();
  CHECK(plot.expect<wire::CloseIn>().reason == DORA_REASON_FAILURE);
}

TEST_CASE("a node that asks and asks does not fill the daemon's memory with events") {
  Harness h(16 * kMiB);
  FakeNode node = h.join_ready(h.add({source("camera")})[0]);
  h.wait_event(Kind::joined, "camera");
  for (int i = 0; i < 200; i++) CHECK(request(node, 1 << 30).granted == 0);
  int events = 0;
  BrokerEvent event;
  while (h.broker->next_event(&event)) events++;
  CHECK(events > 0);
  CHECK(events < 50);
}

TEST_CASE("without a limit it is half of what the machine has available") {
  Harness h(0);
  FakeNode node = h.join_ready(h.add({source("camera")})[0]);
  uint64_t total = 0;
  FILE* file = fopen("/proc/meminfo", "re");
  REQUIRE(file != nullptr);
  REQUIRE(fscanf(file, "MemTotal: %lu", &total) == 1);
  fclose(file);
  const uint64_t limit = request(node, 0).machine_limit;
  CHECK(limit > kMiB);
  CHECK(limit <= total * 1024 / 2);
}
