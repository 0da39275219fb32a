// Real processes, SIGKILLed at every labelled step of the protocol, compared with a simple model of what may be lost.
//
// A round: a publisher and a subscriber over a real broker; one of them is killed at the Nth arrival at a label and
// restarted by the test, as a daemon would; the publisher then finishes. The model:
//   * what the subscribers received is strictly increasing (nothing doubled, nothing reordered), and each message was
//   whole (kill_peer checks);
//   * backpressure: everything a send() has returned for arrives, but for what a killed subscriber had claimed and not
//   logged;
//     a killed publisher may have published one message more than it logged;
//   * broker: sent = received + dropped + in flight + lost on the edge, and nothing is in flight in the end;
//   * afterwards there are no processes, no descriptors beyond the ones before, and Shmem is back where it was.
// DORA_KILLS: kills a label and configuration (2; test:long: 100). DORA_SEED: replays; printed with every failure.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "doctest/doctest.h"
#include "peer_command.h"

using namespace dora;

namespace {

constexpr uint64_t kMessages = 150;
constexpr uint64_t kNextLife = 1'000'000;  // numbers of a restarted publisher begin here

const char* const kPublisherSteps[] = {"pub.given",    "pub.cell",       "pub.head",     "pub.ready",
                                       "pub.asleep",   "pub.doorbell",   "pub.takeback", "pub.skip_tail",
                                       "pub.want_set", "pub.want_check", "pub.slot_want"};
const char* const kSubscriberSteps[] = {"sub.head",   "sub.tail",      "sub.cell",    "sub.claim",
                                        "sub.want",   "sub.want_bell", "sub.release", "sub.slot_bell",
                                        "sub.asleep", "sub.recheck",   "sub.sleep",   "sub.woken"};

struct Setting {
  Policy policy;
  uint32_t queue;
  uint64_t hold;
  bool reaches(const std::string& step) const {
    const bool over_limit = hold > queue + 16;
    if (step == "pub.takeback") return policy == Policy::drop_oldest && !over_limit;
    if (step == "pub.skip_tail") return policy == Policy::drop_oldest && over_limit;
    if (step.starts_with("pub.want") || step.starts_with("sub.want"))
      return policy == Policy::backpressure && !over_limit;
    if (step.find("slot_") != std::string::npos) return policy == Policy::backpressure && over_limit;
    return true;
  }
};
const Setting kSettings[] = {{Policy::backpressure, 1, 0}, {Policy::backpressure, 4, 2}, {Policy::backpressure, 1, 20},
                             {Policy::drop_oldest, 1, 0},  {Policy::drop_oldest, 4, 2},  {Policy::drop_oldest, 1, 20}};

std::string folder_of_tests() {
  char path[PATH_MAX] = {};
  REQUIRE(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
  return std::string(path).substr(0, std::string(path).rfind('/'));
}

size_t open_descriptors() {
  DIR* folder = opendir("/proc/self/fd");
  size_t n = 0;
  while (readdir(folder) != nullptr) n++;
  closedir(folder);
  return n;
}

uint64_t shmem_kib() {
  std::ifstream info("/proc/meminfo");
  std::string key;
  uint64_t value = 0;
  while (info >> key >> value && key != "Shmem:") info.ignore(64, '\n');
  return value;
}

std::vector<uint64_t> read_log(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<uint64_t> numbers;
  uint64_t number;
  while (file.read(reinterpret_cast<char*>(&number), sizeof number)) numbers.push_back(number);
  return numbers;
}

/// One broker, one publisher "p" with output "x", one subscriber "s" with input "in", each possibly restarted.
class Round {
 public:
  Round(const Setting& setting, std::mt19937* random) : setting_(setting), random_(random) {
    REQUIRE(mkdtemp(folder_) != nullptr);
    BrokerOptions options;
    options.runtime_folder = folder_;
    options.memory_limit = 64 << 20;
    REQUIRE_MESSAGE(Broker::create(options, &broker_, &error_) == Status::ok, error_.message);
    REQUIRE_MESSAGE(broker_->add_nodes({publisher(0), subscriber(0)}, &tokens_, &error_) == Status::ok, error_.message);
  }
  ~Round() {
    broker_.reset();
    const std::string command = std::string("rm -r ") + folder_;
    CHECK(system(command.c_str()) == 0);
  }

  /// True when the kill happened (a label may not be reached as often as drawn).
  bool run(const std::string& step, bool kill_publisher) {
    const std::string fault = step + ":" + std::to_string(1 + (*random_)() % 40);
    pid_t p = spawn("pub", tokens_[0], kMessages, 1, kill_publisher ? fault : "");
    pid_t s = spawn("sub", tokens_[1], setting_.hold, 0, kill_publisher ? "" : fault);
    bool killed = false, subscriber_joined = true, told = false;
    while (p > 0 || s > 0) {
      BrokerEvent event;
      while (broker_->next_event(&event))
        subscriber_joined |= event.kind == BrokerEvent::Kind::joined && event.node == "s";
      // A publisher that has sent everything stays until its subscriber has it all: when both are gone, what lay
      // between them is lost.
      if (!told && subscriber_joined && in_flight() == 0 &&
          access((std::string(folder_) + "/pub.done").c_str(), F_OK) == 0) {
        broker_->stop_node("flow", "p", DORA_REASON_USER, 0);
        told = true;
      }
      int status = 0;
      const pid_t ended = waitpid(-1, &status, WNOHANG);
      REQUIRE(ended >= 0);
      if (ended == 0) {
        usleep(500);
        continue;
      }
      const bool is_publisher = ended == p;
      const bool by_plan =
          WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !killed && is_publisher == kill_publisher;
      if (!by_plan) CHECK(status == 0);
      // Killed while it was leaving already: it does not come back.
      const bool restart = by_plan && !(is_publisher && told);
      broker_->node_ended("flow", is_publisher ? "p" : "s", !restart, status != 0);
      (is_publisher ? p : s) = 0;
      killed |= by_plan;
      if (!restart) continue;
      std::vector<std::string> token;
      while (broker_->next_event(&event)) continue;
      subscriber_joined = is_publisher;
      REQUIRE(broker_->add_nodes({is_publisher ? publisher(1) : subscriber(1)}, &token, &error_) == Status::ok);
      if (is_publisher) {
        p = spawn("pub", token[0], kMessages, kNextLife, "");
      } else {
        s = spawn("sub", token[0], setting_.hold, 0, "");
      }
    }
    compare(killed, kill_publisher);
    return killed;
  }

 private:
  BrokerNode publisher(uint32_t restart) {
    BrokerNode node;
    node.dataflow = "flow";
    node.node = "p";
    node.restart_count = restart;
    node.outputs = {{"x", 0}};
    return node;
  }
  BrokerNode subscriber(uint32_t restart) {
    BrokerNode node;
    node.dataflow = "flow";
    node.node = "s";
    node.restart_count = restart;
    BrokerInput input;
    input.id = "in";
    input.source_node = "p";
    input.source_output = "x";
    input.source_text = "p/x";
    input.policy = setting_.policy;
    input.queue_size = setting_.queue;
    node.inputs = {input};
    return node;
  }
  pid_t spawn(const char* role, const std::string& token, uint64_t number, uint64_t first, const std::string& fault) {
    const std::string log = std::string(folder_) + "/" + role;
    const std::string config = "DORA_NODE_CONFIG=" + broker_->node_config(token), plan = "DORA_FAULT=" + fault;
    const dora::test::PeerCommand peer(
        folder_of_tests() + "/kill_peer",
        {role, log, std::to_string(number), std::to_string(first), std::to_string((*random_)() % 1'000'000)});
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid > 0) return pid;
    const char* const environment[] = {config.c_str(), plan.c_str(), nullptr};
    peer.exec(const_cast<char* const*>(environment));
  }

  uint64_t in_flight() {
    uint64_t sum = 0;
    for (const NodeCounts& node : broker_->counts("flow")) {
      for (const InputCounts& input : node.inputs) sum += input.in_flight;
    }
    return sum;
  }

  void compare(bool killed, bool kill_publisher) {
    const std::vector<uint64_t> sent = read_log(std::string(folder_) + "/pub"),
                                received = read_log(std::string(folder_) + "/sub");
    for (size_t i = 1; i < received.size(); i++) CHECK(received[i - 1] < received[i]);
    size_t missing = 0, unlogged = 0;
    for (uint64_t number : sent) missing += !std::binary_search(received.begin(), received.end(), number);
    for (uint64_t number : received) unlogged += !std::binary_search(sent.begin(), sent.end(), number);
    CHECK(unlogged <= (killed && kill_publisher ? 1u : 0u));
    // A subscriber logs after its claim: at most the one it was working on is gone, and only in the life that was
    // killed.
    if (setting_.policy == Policy::backpressure) CHECK(missing <= (killed && !kill_publisher ? 1u : 0u));
    REQUIRE_FALSE(received.empty());
    const auto counts = broker_->counts("flow");
    REQUIRE(counts.size() == 2);
    const InputCounts& in = counts[counts[0].node == "s" ? 0 : 1].inputs[0];
    // The last message always arrives, for nothing newer could push it out: unless the subscriber held all it may, or
    // died with it in hand.
    const bool died_with_one = killed && !kill_publisher && in.received + in.lost > received.size();
    if ((setting_.policy == Policy::backpressure || setting_.hold <= setting_.queue) && !died_with_one)
      CHECK(received.back() == sent.back());
    CHECK(in.sent == in.received + in.dropped + in.in_flight + in.lost);
    CHECK(in.in_flight == 0);
    CHECK(in.sent >= sent.size());
    CHECK(in.sent <= sent.size() + (killed && kill_publisher ? 1 : 0));
    CHECK(in.received >= received.size());
    CHECK(in.received <= received.size() + (killed && !kill_publisher ? 1 : 0));
    if (setting_.policy == Policy::backpressure && !(killed && !kill_publisher)) CHECK(in.dropped == 0);
  }

  const Setting setting_;
  std::mt19937* random_;
  char folder_[32] = "/tmp/dora-kill-test-XXXXXX";
  Error error_;
  std::unique_ptr<Broker> broker_;
  std::vector<std::string> tokens_;
};

uint64_t number_from_environment(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  return text == nullptr ? otherwise : strtoull(text, nullptr, 10);
}

void kill_everywhere(const char* const* steps, size_t count, bool publisher) {
  const uint64_t kills = number_from_environment("DORA_KILLS", 2);
  const uint64_t seed = number_from_environment("DORA_SEED", std::random_device()());
  const char* only = getenv("DORA_STEP");
  const size_t descriptors = open_descriptors();
  const uint64_t shmem = shmem_kib();
  uint64_t total = 0;
  for (size_t i = 0; i < count; i++) {
    const std::string step = steps[i];
    if (only != nullptr && step != only) continue;
    uint64_t of_step = 0;
    for (uint64_t round = 0, tries = 0; of_step < kills * 2 && tries < kills * 60; round++, tries++) {
      const Setting& setting = kSettings[round % std::size(kSettings)];
      if (!setting.reaches(step)) continue;
      std::mt19937 random(static_cast<uint32_t>(seed + i * 1000 + round));
      INFO("replay: DORA_STEP=" << step << " DORA_SEED=" << seed << " DORA_KILLS=" << kills << " (round " << round
                                << ", policy " << static_cast<int>(setting.policy) << ", queue " << setting.queue
                                << ", hold " << setting.hold << ")");
      of_step += Round(setting, &random).run(step, publisher);
    }
    total += of_step;
    INFO("step " << step << " was killed at " << of_step << " times");
    CHECK(of_step >= kills);
  }
  MESSAGE("kills: " << total << ", seed " << seed);
  CHECK(open_descriptors() == descriptors);
  CHECK(shmem_kib() <= shmem + 64 * 1024);  // other programs of the machine use shared memory too
}

}  // namespace

TEST_CASE("a publisher killed at any step loses nothing it had sent, and its successor joins") {
  kill_everywhere(kPublisherSteps, std::size(kPublisherSteps), true);
}

TEST_CASE("a subscriber killed at any step takes with it what it had claimed, nothing else") {
  kill_everywhere(kSubscriberSteps, std::size(kSubscriberSteps), false);
}
