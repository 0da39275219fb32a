// The seven processes of restart_test, the broker between them, and what is killed when. The test says what must hold.
//
// kNodes are the processes and their edges. Fleet starts them, kills and restarts those that may be killed as a daemon
// would (kill_some, kill_all), asks them to do things (ask) and compares what they, the broker and /proc say
// (expect_counts, expect_figures). A process that ends unasked ends the test with its words.
#pragma once

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstring>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "doctest/doctest.h"
#include "restart_state.h"

namespace dora::test {

using Clock = std::chrono::steady_clock;

struct InputPlan {
  const char* source;
  Policy policy;
  uint32_t queue;
};
struct NodePlan {
  const char* name;
  bool publishes, killed;
  std::vector<InputPlan> inputs;
};
constexpr Policy kWait = Policy::backpressure, kDrop = Policy::drop_oldest;
const NodePlan kNodes[] = {{"keep", true, false, {}},
                           {"watch", false, false, {{"keep", kWait, 4}, {"p1", kWait, 4}, {"middle", kDrop, 2}}},
                           {"p0", true, true, {}},
                           {"p1", true, true, {}},
                           {"middle", true, true, {{"p0", kWait, 4}, {"keep", kDrop, 1}}},
                           {"s0", false, true, {{"p0", kWait, 1}, {"middle", kDrop, 4}, {"keep", kDrop, 2}}},
                           {"s1", false, true, {{"p1", kDrop, 2}, {"middle", kWait, 2}, {"keep", kWait, 4}}}};
constexpr uint32_t kCount = std::size(kNodes), kWatch = 1;
const char* const kSteps[] = {"pub.given",     "pub.cell",     "pub.head",      "pub.ready",      "pub.asleep",
                              "pub.doorbell",  "pub.takeback", "pub.want_set",  "pub.want_check", "pub.slot_want",
                              "sub.head",      "sub.tail",     "sub.cell",      "sub.claim",      "sub.want",
                              "sub.want_bell", "sub.release",  "sub.slot_bell", "sub.asleep",     "sub.recheck",
                              "sub.sleep",     "sub.woken"};

inline size_t count_descriptors(const std::string& process) {
  DIR* folder = opendir(("/proc/" + process + "/fd").c_str());
  if (folder == nullptr) return 0;
  size_t n = 0;
  while (readdir(folder) != nullptr) n++;
  closedir(folder);
  return n;
}

/// Inodes of the mapped memory regions whose name begins so.
inline std::multiset<uint64_t> mapped(const std::string& process, const std::string& name) {
  std::multiset<uint64_t> inodes;
  std::ifstream maps("/proc/" + process + "/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/memfd:" + name) == std::string::npos) continue;
    char device[16];
    unsigned long long inode = 0;
    if (sscanf(line.c_str(), "%*s %*s %*s %15s %llu", device, &inode) == 2) inodes.insert(inode);
  }
  return inodes;
}

inline uint64_t shmem_kib() {
  std::ifstream info("/proc/meminfo");
  std::string key;
  uint64_t value = 0;
  while (info >> key >> value && key != "Shmem:") info.ignore(64, '\n');
  return value;
}

inline uint64_t number_from_environment(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  return text == nullptr ? otherwise : strtoull(text, nullptr, 10);
}

/// What a process has open and mapped, and what its output has.
struct Figures {
  size_t descriptors = 0, mappings = 0;
  uint64_t loans = 0;
  bool operator==(const Figures&) const = default;
};

class Fleet {
 public:
  explicit Fleet(uint64_t seed) : random_(seed) {
    REQUIRE(mkdtemp(folder_) != nullptr);
    state_ = map_state((std::string(folder_) + "/state").c_str());
    REQUIRE(state_ != nullptr);
    BrokerOptions options;
    options.runtime_folder = folder_;
    options.memory_limit = 64 << 20;
    REQUIRE_MESSAGE(Broker::create(options, &broker_, &error_) == Status::ok, error_.message);
    std::vector<BrokerNode> nodes;
    for (uint32_t i = 0; i < kCount; i++) nodes.push_back(describe(i));
    std::vector<std::string> tokens;
    REQUIRE_MESSAGE(broker_->add_nodes(nodes, &tokens, &error_) == Status::ok, error_.message);
    for (uint32_t i = 0; i < kCount; i++) spawn(i, tokens[i], "");
  }
  ~Fleet() {
    for (const Life& life : lives_) {
      if (life.pid > 0 && kill(life.pid, SIGKILL) == 0) waitpid(life.pid, nullptr, 0);
    }
    broker_.reset();
    munmap(state_, sizeof *state_);
    const std::string command = std::string("rm -r ") + folder_;
    CHECK(system(command.c_str()) == 0);
  }

  /// Kills and restarts until there were so many more kills, then lets everybody join.
  void kill_some(uint64_t kills) {
    const uint64_t until = kills_ + kills;
    auto progress = Clock::now();
    for (uint64_t seen = kills_; kills_ < until || !all_joined();) {
      killing_ = kills_ < until;
      turn();
      if (kills_ != seen) progress = Clock::now();
      seen = kills_;
      REQUIRE_MESSAGE(Clock::now() - progress < std::chrono::seconds(30), "nothing happens any more: " << where());
    }
    killing_ = false;
  }

  /// Kills all that may be killed once more; what comes back has no kill planned.
  void kill_all() {
    for (uint32_t i = 0; i < kCount; i++) {
      if (kNodes[i].killed) lives_[i].kill_at = Clock::now();
      if (kNodes[i].killed && lives_[i].pid > 0) kill(lives_[i].pid, SIGKILL);
    }
    const uint64_t until =
        kills_ + std::count_if(std::begin(kNodes), std::end(kNodes), [](auto& n) { return n.killed; });
    wait_for([&] { return kills_ >= until && all_joined(); });
  }

  /// Asks every node, and waits until all have answered and nothing is in flight.
  void ask(Request kind) {
    uint32_t request = state_->request.load() + 1;
    while (request % kRequests != kind) request++;
    state_->request.store(request);
    wait_for([&] {
      for (const auto& life : lives_) {
        if (state_->nodes[&life - lives_].done.load() != request) return false;
      }
      return kind == kStream || in_flight() == 0;
    });
  }

  /// Of every node, and of this process, which has the broker. Everybody is quiet.
  std::vector<Figures> figures() {
    ask(kBeQuiet);
    ask(kLetGo);
    ask(kLoanAll);
    std::vector<Figures> all;
    for (uint32_t i = 0; i <= kCount; i++) {
      const std::string process = i == kCount ? "self" : std::to_string(lives_[i].pid);
      all.push_back(
          {count_descriptors(process), mapped(process, "").size(), i < kCount ? state_->nodes[i].loans.load() : 0});
    }
    return all;
  }

  void expect_figures(const std::vector<Figures>& before) {
    std::vector<Figures> now;
    // What a peer's death leaves is given up when the news have come to everybody.
    for (int look = 0; look < 100 && (now = figures()) != before; look++) {
      ask(kStream);
      usleep(50'000);
    }
    for (uint32_t i = 0; i <= kCount; i++) {
      INFO(std::string(i == kCount ? "broker" : kNodes[i].name));
      CHECK(now[i].descriptors == before[i].descriptors);
      CHECK(now[i].mappings == before[i].mappings);
      CHECK(now[i].loans == before[i].loans);
    }
  }

  void expect_counts() {
    for (const NodeCounts& node : broker_->counts("flow")) {
      const uint32_t i = index_of(node.node);
      for (size_t k = 0; k < node.inputs.size(); k++) {
        const InputCounts& in = node.inputs[k];
        const uint32_t from = index_of(kNodes[i].inputs[k].source);
        INFO(node.node << " from " << in.source << ": " << in.sent << " sent, " << in.received << " received, "
                       << in.dropped << " dropped, " << in.in_flight << " in flight, " << in.lost << " lost; "
                       << lives_[from].kills << " and " << lives_[i].kills << " kills");
        CHECK(in.sent == in.received + in.dropped + in.in_flight + in.lost);
        CHECK(in.in_flight == 0);
        const uint64_t told = state_->nodes[i].inputs[k].received.load();
        CHECK(in.received >= told);
        CHECK(in.received <= told + lives_[i].kills);  // killed between the count and the word of it
        // A life can take one claim with it; with both ends dead, also what lay between them.
        CHECK(in.lost <= lives_[i].kills * (1 + (lives_[from].kills > 0 ? kNodes[i].inputs[k].queue : 0)));
        if (kNodes[i].inputs[k].policy == kWait && lives_[i].kills == 0) CHECK(in.dropped == 0);
        CHECK(told > 0);
      }
      if (!kNodes[i].publishes) continue;
      const uint64_t sent = node.outputs[0].sent, told = state_->nodes[i].sent.load();
      INFO(node.node << ": " << sent << " sent, " << told << " of them told");
      CHECK(sent >= told);
      CHECK(sent <= told + lives_[i].kills);
    }
  }

  /// How much the survivors have got from each other.
  uint64_t progress() const { return state_->nodes[kWatch].inputs[0].received.load(); }
  uint64_t kills_at_steps() const { return at_steps_; }
  uint64_t kills_while_joining() const { return while_joining_; }

  void stop() {
    ask(kBeQuiet);
    for (const NodePlan& node : kNodes) broker_->stop_node("flow", node.name, DORA_REASON_USER, 0);
    stopping_ = true;
    wait_for(
        [&] { return std::all_of(std::begin(lives_), std::end(lives_), [](auto& life) { return life.pid == 0; }); });
  }

  std::string where() {
    std::string words;
    for (uint32_t i = 0; i < kCount; i++) {
      words += std::string(kNodes[i].name) + " life " + std::to_string(lives_[i].number) +
               (lives_[i].joined ? " joined" : " not joined") + ", did " +
               std::to_string(state_->nodes[i].done.load()) + "; ";
    }
    for (const NodeCounts& node : broker_->counts("flow")) {
      for (const InputCounts& in : node.inputs)
        words += node.node + " from " + in.source + ": " + std::to_string(in.in_flight) + " in flight; ";
    }
    return words;
  }

 private:
  struct Life {
    pid_t pid = 0;
    uint64_t number = 0, kills = 0;
    bool joined = false, planned = false;
    Clock::time_point kill_at;
    std::set<uint64_t> regions;  ///< edges and ledger of this life
  };

  static uint32_t index_of(const std::string& name) {
    uint32_t i = 0;
    while (kNodes[i].name != name) i++;
    return i;
  }
  BrokerNode describe(uint32_t i) {
    BrokerNode node;
    node.dataflow = "flow";
    node.node = kNodes[i].name;
    node.restart_count = static_cast<uint32_t>(lives_[i].number);
    if (kNodes[i].publishes) node.outputs = {{"x", 0}};
    for (const InputPlan& plan : kNodes[i].inputs) {
      BrokerInput input;
      input.id = std::string("from-") + plan.source;
      input.source_node = plan.source;
      input.source_output = "x";
      input.source_text = std::string(plan.source) + "/x";
      input.policy = plan.policy;
      input.queue_size = plan.queue;
      node.inputs.push_back(input);
    }
    return node;
  }

  void spawn(uint32_t i, const std::string& token, const std::string& fault) {
    char self[PATH_MAX] = {};
    REQUIRE(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    const std::string program = std::string(self).substr(0, std::string(self).rfind('/')) + "/restart_peer";
    const std::string config = "DORA_NODE_CONFIG=" + broker_->node_config(token), plan = "DORA_FAULT=" + fault;
    std::string policies;
    for (const InputPlan& input : kNodes[i].inputs) policies += input.policy == kWait ? 'b' : 'd';
    const uint64_t hold[] = {0, 0, 2, 20};
    const std::string words[] = {program,
                                 std::string(folder_) + "/state",
                                 std::to_string(i),
                                 std::to_string(lives_[i].number),
                                 std::to_string(random_() % 1'000'000),
                                 std::to_string(kNodes[i].killed ? hold[random_() % 4] : 1),
                                 policies};
    state_->nodes[i].done.store(UINT32_MAX);  // what an older life has done is not done by this one
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      std::vector<char*> arguments;
      for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
      arguments.push_back(nullptr);
      const char* const environment[] = {config.c_str(), plan.c_str(), nullptr};
      execve(program.c_str(), arguments.data(), const_cast<char* const*>(environment));
      _exit(127);
    }
    lives_[i].pid = pid;
    lives_[i].joined = lives_[i].planned = false;
  }

  /// When this life ends at the latest; one that is to die at a step gets the time to reach it.
  void plan_kill(uint32_t i, bool at_step) {
    const uint64_t most_us = at_step ? 400'000 : random_() % 4 == 0 ? 8'000 : 150'000;
    lives_[i].planned = true;
    lives_[i].kill_at = Clock::now() + std::chrono::microseconds(random_() % most_us);
  }

  void restart(uint32_t i) {
    broker_->node_ended("flow", kNodes[i].name, false, true);
    lives_[i].number++;
    std::vector<std::string> token;
    REQUIRE_MESSAGE(broker_->add_nodes({describe(i)}, &token, &error_) == Status::ok, error_.message);
    std::string fault;
    if (killing_ && random_() % 2 == 0)
      fault = std::string(kSteps[random_() % std::size(kSteps)]) + ":" + std::to_string(1 + random_() % 40);
    spawn(i, token[0], fault);
    if (killing_) plan_kill(i, !fault.empty());
  }

  void on_end(uint32_t i, int status) {
    Life& life = lives_[i];
    life.pid = 0;
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!killed || !kNodes[i].killed) {
      REQUIRE_MESSAGE((stopping_ && status == 0),
                      kNodes[i].name << " ended with status " << status << ": " << state_->nodes[i].failure);
      broker_->node_ended("flow", kNodes[i].name, true, false);
      return;
    }
    life.kills++;
    kills_++;
    if (!life.joined) while_joining_++;
    if (life.kill_at > Clock::now()) at_steps_++;
    restart(i);
  }

  /// A new life's memory is its own.
  void on_join(uint32_t i) {
    lives_[i].joined = true;
    std::set<uint64_t> regions;
    const std::string process = std::to_string(lives_[i].pid);
    for (const char* name : {"dora-edge", "dora-ledger"}) {
      const auto some = mapped(process, name);
      regions.insert(some.begin(), some.end());
    }
    for (uint64_t inode : regions)
      CHECK_MESSAGE(!lives_[i].regions.contains(inode), kNodes[i].name << " has an old region");
    if (kNodes[i].killed) lives_[i].regions = std::move(regions);
  }

  bool all_joined() const {
    return std::all_of(std::begin(lives_), std::end(lives_),
                       [](const Life& life) { return life.pid > 0 && life.joined; });
  }

  void turn() {
    BrokerEvent event;
    while (broker_->next_event(&event)) {
      REQUIRE_MESSAGE(event.kind != BrokerEvent::Kind::corrupt, event.node << ": " << event.text);
      if (event.kind != BrokerEvent::Kind::joined) continue;
      if (const uint32_t i = index_of(event.node); event.pid == lives_[i].pid) on_join(i);
    }
    int status = 0;
    for (uint32_t i = 0; i < kCount; i++) {
      Life& life = lives_[i];
      if (life.pid == 0) continue;
      if (waitpid(life.pid, &status, WNOHANG) == life.pid) {
        on_end(i, status);
        continue;
      }
      if (!killing_ || !kNodes[i].killed) continue;
      if (!life.planned) plan_kill(i, false);
      if (Clock::now() >= life.kill_at) kill(life.pid, SIGKILL);
    }
    usleep(300);
  }

  template <class F>
  void wait_for(F is) {
    for (const auto end = Clock::now() + std::chrono::seconds(30); !is();) {
      REQUIRE_MESSAGE(Clock::now() < end, "nothing happens any more: " << where());
      turn();
    }
  }

  uint64_t in_flight() {
    uint64_t sum = 0;
    for (const NodeCounts& node : broker_->counts("flow")) {
      for (const InputCounts& input : node.inputs) sum += input.in_flight;
    }
    return sum;
  }

  std::mt19937_64 random_;
  char folder_[36] = "/tmp/dora-restart-test-XXXXXX";
  Error error_;
  std::unique_ptr<Broker> broker_;
  RestartState* state_ = nullptr;
  Life lives_[kCount];
  bool killing_ = false, stopping_ = false;
  uint64_t kills_ = 0, at_steps_ = 0, while_joining_ = 0;
};

}  // namespace dora::test
