// A daemon's broker, SIGKILLed at every labelled step of its side of joining, dying and leaving. Real processes.
//
// A round: a broker (broker_peer), a publisher and a subscriber (kill_peer) that is killed and comes back; then all are
// told to stop. Somewhere in it the broker dies at the Nth arrival at a label. What must hold then:
//   * every node ends by itself: in order if it had started, else with words that say why it could not join;
//   * until then no message was torn, doubled, reordered, or is missing between two that arrived, but for what the
//   killed
//     subscriber had claimed and not logged;
//   * the next broker of the same folder works, and leaves nothing in it: the dead one's socket is gone;
//   * there are no more descriptors than before, and Shmem is back where it was.
// DORA_KILLS: kills a label (2; test:long: 100). DORA_SEED: replays the draws.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "doctest/doctest.h"
#include "restart_fleet.h"

using namespace dora;
using dora::test::count_descriptors;
using dora::test::number_from_environment;
using dora::test::shmem_kib;

namespace {

constexpr uint64_t kMessages = 150;
const char* const kSteps[] = {"brk.welcome", "brk.spec_end", "brk.region", "brk.open_out",  "brk.open_in", "brk.start",
                              "brk.died",    "brk.stop",     "brk.bye",    "brk.close_out", "brk.close_in"};

class Round {
 public:
  explicit Round(uint64_t seed) : random_(seed) { REQUIRE(mkdtemp(folder_) != nullptr); }
  ~Round() { std::filesystem::remove_all(folder_); }

  /// True when the broker was killed: a label may be reached less often than drawn.
  bool run(const std::string& step) {
    start_broker(step + ":" + std::to_string(1 + random_() % 3));
    for (Node* node : {&publisher_, &subscriber_}) {
      const std::string config = line();
      REQUIRE_FALSE(config.empty());
      start(*node, config);
    }
    bool killed = !until_received(20) || !restart_subscriber() || !until_received(40) || !stop();
    close(to_broker_);
    if (!killed) {
      REQUIRE(waitpid(broker_, &broker_status_, 0) == broker_);
      killed = WIFSIGNALED(broker_status_);  // by what its last words led to
      CHECK((killed || broker_status_ == 0));
    }
    close(from_broker_);
    expect_ends();
    expect_messages();
    expect_clean();
    return killed;
  }

 private:
  struct Node {
    const char* role;
    pid_t pid;
  };

  template <class F>
  pid_t spawn(const char* program, const std::vector<std::string>& words, const std::vector<std::string>& variables,
              F&& in_child) {
    char self[PATH_MAX] = {};
    REQUIRE(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    const std::string path = std::string(self).substr(0, std::string(self).rfind('/') + 1) + program;
    std::vector<char*> arguments{const_cast<char*>(path.c_str())}, environment;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    for (const std::string& variable : variables) environment.push_back(const_cast<char*>(variable.c_str()));
    arguments.push_back(nullptr);
    environment.push_back(nullptr);
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid > 0) return pid;
    in_child();
    execve(path.c_str(), arguments.data(), environment.data());
    _exit(127);
  }

  void start_broker(const std::string& fault) {
    int input[2], output[2];
    REQUIRE(pipe2(input, O_CLOEXEC) == 0);
    REQUIRE(pipe2(output, O_CLOEXEC) == 0);
    broker_ = spawn("broker_peer", {folder_}, {"DORA_FAULT=" + fault}, [&] {
      dup2(input[0], 0);
      dup2(output[1], 1);
    });
    close(input[0]);
    close(output[1]);
    to_broker_ = input[1];
    from_broker_ = output[0];
  }
  void start(Node& node, const std::string& config) {
    const bool publishes = &node == &publisher_;
    node.pid = spawn("kill_peer",
                     {node.role, log(node), std::to_string(publishes ? kMessages : 1), publishes ? "1" : "0",
                      std::to_string(random_() % 1'000'000)},
                     {"DORA_NODE_CONFIG=" + config},
                     [&] { dup2(open(words_of(node).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), 2); });
  }

  std::string log(const Node& node) const { return std::string(folder_) + "/" + node.role; }
  /// What the node printed on stderr.
  std::string words_of(const Node& node) const { return log(node) + ".words"; }
  std::string words(const Node& node) const {
    std::ifstream file(words_of(node));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::vector<uint64_t> numbers(const Node& node) const {
    std::ifstream file(log(node), std::ios::binary);
    std::vector<uint64_t> read;
    uint64_t number;
    while (file.read(reinterpret_cast<char*>(&number), sizeof number)) read.push_back(number);
    return read;
  }

  bool broker_lives() {
    if (broker_status_ != kLives) return false;
    if (waitpid(broker_, &broker_status_, WNOHANG) == 0) return true;
    CHECK_MESSAGE((WIFSIGNALED(broker_status_) && WTERMSIG(broker_status_) == SIGKILL), "status " << broker_status_);
    return false;
  }
  /// The broker's next line; empty when it has died.
  std::string line() const {
    std::string text;
    char c;
    while (read(from_broker_, &c, 1) == 1 && c != '\n') text += c;
    return text;
  }
  bool tell(const std::string& text) { return write(to_broker_, text.data(), text.size()) > 0 && broker_lives(); }

  /// True when it is so; false when the broker is dead.
  template <class F>
  bool until(F is) {
    for (const auto end = test::Clock::now() + std::chrono::seconds(30); !is(); usleep(500)) {
      if (!broker_lives()) return false;
      REQUIRE_MESSAGE(test::Clock::now() < end, "nothing happens any more");
    }
    return true;
  }
  bool until_received(size_t count) {
    return until([&] { return numbers(subscriber_).size() >= count; });
  }
  void kill_node(Node& node) {
    kill(node.pid, SIGKILL);
    waitpid(node.pid, nullptr, 0);
    node.pid = 0;
    if (&node == &subscriber_) subscriber_kills_++;
  }
  bool restart_subscriber() {
    kill_node(subscriber_);
    if (!tell("restart s\n")) return false;
    const std::string config = line();
    if (config.empty()) return !until([] { return false; });
    start(subscriber_, config);
    return true;
  }
  bool stop() {
    // One goes for good while the other lives.
    if (Node * leaves[] = {nullptr, &publisher_, &subscriber_}; Node* node = leaves[random_() % 3]) {
      kill_node(*node);
      if (!tell(std::string("ended ") + node->role[0] + "\n")) return false;
    }
    if (!tell("stop\n")) return false;
    for (Node* node : {&publisher_, &subscriber_}) {
      if (node->pid == 0) continue;
      int status = 0;
      if (!until([&] { return waitpid(node->pid, &status, WNOHANG) == node->pid; })) return false;
      node->pid = 0;
      CHECK_MESSAGE(status == 0, node->role << ": " << words(*node));
      if (!tell(std::string("ended ") + node->role[0] + "\n")) return false;
    }
    return true;
  }

  void expect_ends() {
    for (Node* node : {&publisher_, &subscriber_}) {
      if (node->pid == 0) continue;
      int status = 0;
      const auto end = test::Clock::now() + std::chrono::seconds(30);
      while (waitpid(node->pid, &status, WNOHANG) == 0) {
        if (test::Clock::now() > end) {
          kill(node->pid, SIGKILL);
          FAIL(node->role << " does not end");
        }
        usleep(500);
      }
      // 1: it could not join, and was told why.
      CHECK_MESSAGE((WIFEXITED(status) && WEXITSTATUS(status) <= 1),
                    node->role << " ended with " << status << ": " << words(*node));
    }
  }
  void expect_messages() const {
    const std::vector<uint64_t> sent = numbers(publisher_), received = numbers(subscriber_);
    for (size_t i = 0; i < sent.size(); i++) REQUIRE(sent[i] == i + 1);
    size_t missing = 0;
    for (size_t i = 0; i < received.size(); i++) {
      const uint64_t before = i == 0 ? 0 : received[i - 1];
      REQUIRE(received[i] > before);
      missing += received[i] - before - 1;
    }
    CHECK(missing <= subscriber_kills_);
    if (!received.empty()) CHECK(received.back() <= sent.size() + 1);
  }
  void expect_clean() const {
    for (const char* role : {"pub", "pub.words", "pub.done", "sub", "sub.words"})
      std::filesystem::remove(std::string(folder_) + "/" + role);
    {
      BrokerOptions options;
      options.runtime_folder = folder_;
      std::unique_ptr<Broker> next;
      Error error;
      REQUIRE_MESSAGE(Broker::create(options, &next, &error) == Status::ok, error.message);
    }
    CHECK(std::filesystem::is_empty(folder_));
  }

  static constexpr int kLives = -1;
  std::mt19937_64 random_;
  char folder_[40] = "/tmp/dora-broker-kill-test-XXXXXX";
  Node publisher_{"pub", 0}, subscriber_{"sub", 0};
  pid_t broker_ = 0;
  int broker_status_ = kLives, to_broker_ = -1, from_broker_ = -1;
  size_t subscriber_kills_ = 0;
};

}  // namespace

TEST_CASE("a broker killed at any step leaves nodes that end by themselves, whole messages, and nothing else") {
  const uint64_t kills = number_from_environment("DORA_KILLS", 2);
  const uint64_t seed = number_from_environment("DORA_SEED", std::random_device()());
  const char* only = getenv("DORA_STEP");
  signal(SIGPIPE, SIG_IGN);  // a broker that is dead reads nothing
  const size_t descriptors = count_descriptors("self");
  const uint64_t shmem = shmem_kib();
  uint64_t total = 0;
  for (size_t s = 0; s < std::size(kSteps); s++) {
    const char* step = kSteps[s];
    if (only != nullptr && strcmp(step, only) != 0) continue;
    uint64_t of_step = 0;
    for (uint64_t round = 0; of_step < kills && round < kills * 20; round++) {
      INFO("replay: DORA_STEP=" << std::string(step) << " DORA_SEED=" << seed << " (round " << round << ")");
      of_step += Round(seed + round * 1000 + s).run(step);
    }
    INFO(std::string(step));
    CHECK(of_step >= kills);
    total += of_step;
  }
  MESSAGE("kills: " << total << ", seed " << seed);
  CHECK(count_descriptors("self") == descriptors);
  CHECK(shmem_kib() <= shmem + 64 * 1024);  // other programs of the machine use shared memory too
}
