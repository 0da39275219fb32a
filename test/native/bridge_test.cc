// The core's C function table with its test client (bridge/bridge_client.c: a library of plain C, loaded with dlopen),
// against a real broker and real node processes (kill_peer).
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <cstring>
#include <fstream>
#include <functional>

#include "bridge/bridge_client.h"
#include "node_world.h"

using namespace dora;
using namespace dora::test;

namespace {

std::string folder_of_tests() {
  char path[PATH_MAX] = {};
  REQUIRE(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
  return std::string(path).substr(0, std::string(path).rfind('/'));
}

const bridge_client_api_t& library() {
  static const bridge_client_api_t* api = [] {
    void* handle = dlopen((folder_of_tests() + "/libbridge_client.so").c_str(), RTLD_NOW | RTLD_LOCAL);
    REQUIRE_MESSAGE(handle != nullptr, dlerror());
    return static_cast<const bridge_client_api_t*>(dlsym(handle, "bridge_client"));
  }();
  return *api;
}

/// A node's process: kill_peer.
class Process {
 public:
  Process(const std::string& config, const char* role, uint64_t number, std::string log) : log_(std::move(log)) {
    const std::string program = folder_of_tests() + "/kill_peer", count = std::to_string(number);
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ > 0) return;
    setenv("DORA_NODE_CONFIG", config.c_str(), 1);
    execl(program.c_str(), "kill_peer", role, log_.c_str(), count.c_str(), "1", "7", nullptr);
    _exit(127);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (pid_ > 0) kill_now();
  }
  void kill_now() {
    ::kill(pid_, SIGKILL);
    waitpid(std::exchange(pid_, -1), nullptr, 0);
  }
  int wait() {
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  /// Everything that it was told to send is sent.
  bool done() const { return access((log_ + ".done").c_str(), F_OK) == 0; }
  std::vector<uint64_t> numbers() const {
    std::ifstream file(log_, std::ios::binary);
    std::vector<uint64_t> all;
    uint64_t number = 0;
    while (file.read(reinterpret_cast<char*>(&number), sizeof number)) all.push_back(number);
    return all;
  }
  pid_t pid() const { return pid_; }

 private:
  std::string log_;
  pid_t pid_ = -1;
};

/// A broker and a client of its table.
struct Bridged : World {
  std::shared_ptr<const dora_bridge_host_t> host = broker->bridge();
  bridge_client_t* client = library().open(host.get());

  Bridged() { REQUIRE(client != nullptr); }
  ~Bridged() {
    if (client != nullptr) library().close(client);
  }
  const bridge_seen_t& seen() { return *library().seen(client); }
  std::string log(const char* name) { return std::string(folder) + "/" + name; }
  void pump_until(const char* what, const std::function<bool()>& done) {
    for (int i = 0; i < 4000; i++) {
      library().pump(client, 5);
      if (done()) return;
    }
    FAIL("the client never saw: " << what);
  }
  InputCounts counts_of(const std::string& node) {
    for (const NodeCounts& counts : broker->counts("flow"))
      if (counts.node == node) return counts.inputs.at(0);
    FAIL("no counts of " << node);
    return {};
  }
  bool has_counts_of(const std::string& node) {
    for (const NodeCounts& counts : broker->counts("flow"))
      if (counts.node == node) return true;
    return false;
  }
};

void check_sum(const InputCounts& counts) {
  CHECK(counts.sent == counts.received + counts.dropped + counts.in_flight + counts.lost);
}

std::vector<uint64_t> first_numbers(uint64_t count) {
  std::vector<uint64_t> all;
  for (uint64_t i = 1; i <= count; i++) all.push_back(i);
  return all;
}

}  // namespace

TEST_CASE("messages of a process go through the bridge to another process: all, in order, with exact counts") {
  constexpr uint64_t kCount = 3000;
  Bridged world;
  // "far" runs elsewhere: here it is what the bridge makes of it.
  const auto configs = world.add({node_of("near", {}, {"x"}), node_of("far", {}, {"y"}),
                                  node_of("sink", {edge_input("in", "far", "y", Policy::backpressure, 3)}, {})});
  REQUIRE(library().stand_in(world.client, "far", 1) == DORA_OK);
  REQUIRE(library().read(world.client, "bridge", "near", "x", 4, DORA_BACKPRESSURE, 0) == DORA_OK);
  Process sink(configs[2], "sub", 2, world.log("sink"));
  Process near(configs[0], "pub", kCount, world.log("near"));
  world.pump_until("everything sent", [&] { return near.done() && world.seen().sent == kCount; });
  world.pump_until("everything read", [&] { return sink.numbers().size() == kCount; });

  CHECK(world.seen().received == kCount);
  CHECK(world.seen().wrong == 0);
  CHECK(world.seen().dropped == 0);
  CHECK(world.seen().failure == 0);
  CHECK(world.seen().refused > 0);  // the sink is slower, and its queue has three
  CHECK(world.seen().ready == 2);
  CHECK(world.seen().started == 1);
  CHECK(world.seen().joined == 4);
  CHECK(sink.numbers() == first_numbers(kCount));
  for (const char* reader : {"bridge", "sink"}) {
    const InputCounts counts = world.counts_of(reader);
    CHECK(counts.sent == kCount);
    CHECK(counts.received == kCount);
    check_sum(counts);
  }

  world.broker->stop_node("flow", "near", DORA_REASON_USER, 0);
  CHECK(near.wait() == 0);
  world.broker->node_ended("flow", "near", true, false);
  world.pump_until("the publisher's end", [&] { return world.seen().closed == 1 && world.seen().left == 1; });
  CHECK(world.seen().closed_reason == DORA_REASON_ENDED);
  library().leave(world.client, 0, DORA_REASON_ENDED);
  CHECK(sink.wait() == 0);  // its only input has ended
}

TEST_CASE("samples are released by another thread, and a reader that keeps them is sent no more than its share") {
  constexpr uint64_t kCount = 1500;
  Bridged world;
  const auto configs = world.add({node_of("near", {}, {"x"})});
  REQUIRE(library().read(world.client, "bridge", "near", "x", 8, DORA_BACKPRESSURE, 12) == DORA_OK);
  Process near(configs[0], "pub", kCount, world.log("near"));
  world.pump_until("everything", [&] { return near.done() && world.seen().received == kCount; });
  world.pump_until("the releases", [&] { return world.seen().released == kCount - 12; });
  CHECK(world.seen().wrong == 0);
  library().release_held(world.client);
  CHECK(world.seen().released == kCount);
  CHECK(world.seen().wrong == 0);
  CHECK(world.counts_of("bridge").received == kCount);
}

TEST_CASE("kill -9 of a publisher is seen: its input closes, what was queued is read, nothing is miscounted") {
  Bridged world;
  const auto configs = world.add({node_of("near", {}, {"x"})});
  REQUIRE(library().read(world.client, "bridge", "near", "x", 16, DORA_DROP_OLDEST, 0) == DORA_OK);
  Process near(configs[0], "pub", 1'000'000, world.log("near"));
  const pid_t pid = near.pid();
  world.pump_until("messages", [&] { return world.seen().received > 200; });
  near.kill_now();
  world.broker->node_ended("flow", "near", true, true);
  world.pump_until("the death", [&] { return world.seen().closed == 1 && world.seen().lost == 1; });
  CHECK(world.seen().closed_reason == DORA_REASON_CRASHED);
  CHECK(world.seen().lost_pid == pid);
  CHECK(world.seen().wrong == 0);
  const InputCounts counts = world.counts_of("bridge");
  check_sum(counts);
  CHECK(counts.received == world.seen().received);
  CHECK(counts.in_flight == 0);
  CHECK(counts.sent >= near.numbers().size());
  CHECK(counts.sent <= near.numbers().size() + 1);
}

TEST_CASE("a stand-in keeps the stamp and metadata of the sender elsewhere, by loan and by copy") {
  Bridged world;
  world.add({node_of("far", {}, {"y"})});
  REQUIRE(library().stand_in(world.client, "far", 0) == DORA_OK);
  REQUIRE(library().read(world.client, "bridge", "far", "y", 8, DORA_BACKPRESSURE, 0) == DORA_OK);
  CHECK(library().publish(world.client, 1, 0, 0) == DORA_WOULD_BLOCK);  // not started
  world.pump_until("the start", [&] { return world.seen().ready == 2; });
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const uint64_t now_ns = static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  uint64_t number = 0;
  for (const int by_loan : {0, 1}) {
    const uint64_t stamp = now_ns - 1'000'000'000 + ++number;
    REQUIRE(library().publish(world.client, number, stamp, by_loan) == DORA_OK);
    world.pump_until("the message", [&] { return world.seen().received == number; });
    CHECK(world.seen().last_sent_at_ns == stamp);
    CHECK(world.seen().last_metadata == number);
  }
  // A stamp from the future is not believed, and no stamp is below the last.
  REQUIRE(library().publish(world.client, 3, now_ns + 3'600'000'000'000, 1) == DORA_OK);
  world.pump_until("the message", [&] { return world.seen().received == 3; });
  CHECK(world.seen().last_sent_at_ns >= now_ns);
  CHECK(world.seen().last_sent_at_ns < now_ns + 3'600'000'000'000);
  const uint64_t last = world.seen().last_sent_at_ns;
  REQUIRE(library().publish(world.client, 4, now_ns - 5, 0) == DORA_OK);
  world.pump_until("the message", [&] { return world.seen().received == 4; });
  CHECK(world.seen().last_sent_at_ns == last);
  CHECK(world.seen().wrong == 0);
}

TEST_CASE("structures of older and newer clients are understood, and what is not known is refused") {
  Bridged world;
  world.add({node_of("far", {}, {"y"})});
  REQUIRE(library().stand_in(world.client, "far", 0) == DORA_OK);
  world.pump_until("the start", [&] { return world.seen().ready == 1; });
  CHECK(library().check_sizes(world.client) == 0);
  CHECK(world.seen().failure == 0);
}

TEST_CASE("a node elsewhere that crashed is seen as crashed, and comes back under its name") {
  Bridged world;
  const BrokerNode far = node_of("far", {}, {"y"});
  const auto configs = world.add({far, node_of("sink", {edge_input("in", "far", "y", Policy::backpressure, 8)}, {})});
  REQUIRE(library().stand_in(world.client, "far", 0) == DORA_OK);
  CHECK(library().stand_in(world.client, "far", 0) == DORA_JOIN_REFUSED);
  CHECK(library().stand_in(world.client, "nobody", 0) == DORA_JOIN_REFUSED);
  auto sink = world.join(configs[1]);
  world.pump_until("the start", [&] {
    sink->awake(true, true);
    return sink->started() && world.seen().ready == 1;
  });
  REQUIRE(library().publish(world.client, 5, 0, 1) == DORA_OK);
  library().leave(world.client, 0, DORA_REASON_CRASHED);
  Event event = next(*sink);
  CHECK(event.type == EventType::input);
  sink->release(event.sample);
  event = next(*sink);
  CHECK(event.type == EventType::input_closed);
  CHECK(event.reason == DORA_REASON_CRASHED);

  BrokerNode again = far;
  again.restart_count = 1;
  world.add({again});
  REQUIRE(library().stand_in(world.client, "far", 0) == DORA_OK);
  world.pump_until("the second start", [&] {
    sink->awake(true, true);
    return world.seen().ready == 2;
  });
  event = next(*sink);
  CHECK(event.type == EventType::input_recovered);
  REQUIRE(library().publish(world.client, 6, 0, 0) == DORA_OK);
  event = next(*sink);
  CHECK(event.type == EventType::input);
  sink->release(event.sample);
  check_sum(world.counts_of("sink"));
  CHECK(world.counts_of("sink").received == 2);
}

TEST_CASE("what a reader keeps stays whole after it has left, and the broker forgets the reader with the last of it") {
  Bridged world;
  const auto configs = world.add({node_of("near", {}, {"x"})});
  REQUIRE(library().read(world.client, "bridge", "near", "x", 4, DORA_DROP_OLDEST, 10) == DORA_OK);
  Process near(configs[0], "pub", 1'000'000, world.log("near"));
  world.pump_until("messages", [&] { return world.seen().released > 50; });
  library().leave(world.client, 1, DORA_REASON_ENDED);
  // The publisher goes on, and its memory is used again and again.
  const size_t before = near.numbers().size();
  world.pump_until("more messages", [&] { return near.numbers().size() > before + 500; });
  CHECK(world.has_counts_of("bridge"));
  library().release_held(world.client);
  world.pump_until("the last release", [&] { return world.seen().released == world.seen().received; });
  CHECK(world.seen().wrong == 0);
  CHECK_FALSE(world.has_counts_of("bridge"));
  // Its name is free again.
  REQUIRE(library().read(world.client, "bridge", "near", "x", 4, DORA_DROP_OLDEST, 0) == DORA_OK);
  const uint64_t received = world.seen().received;
  world.pump_until("messages of the second reader", [&] { return world.seen().received > received + 50; });
  CHECK(world.seen().wrong == 0);
}

TEST_CASE("readers come and go a hundred times, and leave nothing behind") {
  Bridged world;
  const auto configs = world.add({node_of("near", {}, {"x"})});
  Process near(configs[0], "pub", 1'000'000, world.log("near"));
  world.pump_until("the publisher", [&] { return world.seen().joined == 1; });
  uint64_t granted = 0;
  for (int i = 0; i < 100; i++) {
    const uint64_t received = world.seen().received;
    REQUIRE(library().read(world.client, ("echo" + std::to_string(i)).c_str(), "near", "x", 4, DORA_DROP_OLDEST, 0) ==
            DORA_OK);
    world.pump_until("a message", [&] { return world.seen().received > received; });
    library().leave(world.client, 1, DORA_REASON_ENDED);
    library().release_held(world.client);
    world.pump_until("the last release", [&] { return world.seen().released == world.seen().received; });
    const auto counts = world.broker->counts("flow");
    CHECK(counts.size() == 1);
    if (i == 0) granted = counts[0].memory_granted;
    CHECK(counts[0].memory_granted == granted);
  }
  CHECK(world.seen().wrong == 0);
  CHECK(world.seen().failure == 0);
}

TEST_CASE("a broker that goes first leaves a client that can still be closed") {
  Bridged world;
  const auto configs = world.add({node_of("near", {}, {"x"}), node_of("far", {}, {"y"})});
  REQUIRE(library().read(world.client, "bridge", "near", "x", 4, DORA_DROP_OLDEST, 4) == DORA_OK);
  REQUIRE(library().stand_in(world.client, "far", 0) == DORA_OK);
  Process near(configs[0], "pub", 1'000'000, world.log("near"));
  world.pump_until("messages", [&] { return world.seen().received > 50; });
  world.broker.reset();
  world.pump_until("the stop", [&] { return world.seen().stopped == 2 && world.seen().ended == 2; });
  CHECK(library().read(world.client, "late", "near", "x", 4, DORA_DROP_OLDEST, 4) == DORA_ENDED);
  CHECK(library().stand_in(world.client, "far", 0) == DORA_ENDED);
  CHECK(library().open(world.host.get()) == nullptr);
  CHECK(world.seen().wrong == 0);
}

TEST_CASE("a client that never looks loses joins and leaves, and is told how many") {
  World world;
  const auto host = world.broker->bridge();
  const dora_bridge_api_t& api = *host->api;
  dora_bridge_options_t options{sizeof options, 3};
  dora_bridge_t* bridge = nullptr;
  REQUIRE(api.open(host.get(), &options, &bridge, nullptr) == DORA_OK);
  const auto configs = world.add({node_of("a", {}, {}), node_of("b", {}, {})});
  auto a = world.join(configs[0]), b = world.join(configs[1]);
  start_all({a.get(), b.get()});
  a.reset();
  b.reset();
  // The broker's owner sees all of it.
  int left = 0;
  for (int i = 0; i < 5000 && left < 2; i++) {
    for (BrokerEvent seen; world.broker->next_event(&seen);) left += seen.kind == BrokerEvent::Kind::left;
    usleep(1000);
  }
  REQUIRE(left == 2);
  dora_bridge_event_t event{};
  event.struct_size = sizeof event;
  std::vector<uint32_t> types;
  uint64_t missed = 0;
  while (api.next(bridge, &event) == DORA_OK) {
    types.push_back(event.type);
    missed += event.dropped;
    api.release(&event);
  }
  CHECK(types ==
        std::vector<uint32_t>{DORA_BRIDGE_JOINED, DORA_BRIDGE_JOINED, DORA_BRIDGE_STARTED, DORA_BRIDGE_MISSED});
  CHECK(missed == 2);
  api.close(bridge);
}

TEST_CASE("what cannot be subscribed to is refused in words") {
  Bridged world;
  world.add({node_of("near", {}, {"x"})});
  CHECK(library().read(world.client, "bridge", "near", "z", 4, DORA_DROP_OLDEST, 0) == DORA_INVALID_ARGUMENT);
  CHECK(library().read(world.client, "bridge", "near", "x", 0, DORA_DROP_OLDEST, 0) == DORA_INVALID_ARGUMENT);
  CHECK(library().read(world.client, "bridge", "near", "x", 4, 2, 0) == DORA_INVALID_ARGUMENT);
  CHECK(library().read(world.client, "near", "near", "x", 4, DORA_DROP_OLDEST, 0) == DORA_INVALID_ARGUMENT);
  REQUIRE(library().read(world.client, "bridge", "near", "x", 4, DORA_DROP_OLDEST, 0) == DORA_OK);
}
