// A store into a received message, in a process of its own: the right signal, and words that name node and input. The
// same signal for another reason is left as it was.
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "node_world.h"
#include "peer_command.h"

using namespace dora;
using namespace dora::test;

namespace {

struct Ended {
  int status = 0;
  std::string text;
};

/// Starts store_peer as node "b", sends it a message, and waits for its end.
Ended store(const char* where) {
  World world;
  auto configs = world.add({node_of("a", {}, {"x"}), node_of("b", {edge_input("in", "a", "x")}, {})});
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const PeerCommand peer((std::filesystem::read_symlink("/proc/self/exe").parent_path() / "store_peer").string(),
                         {where});
  const pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    setenv("DORA_NODE_CONFIG", configs[1].c_str(), 1);
    // A sanitizer would catch the signal and exit.
    for (const char* name : {"ASAN_OPTIONS", "TSAN_OPTIONS"}) setenv(name, "handle_segv=0:detect_leaks=0", 1);
    peer.exec();
  }
  close(ends[1]);
  auto a = world.join(configs[0]);
  REQUIRE(a->wait_start(&world.error) == Status::ok);
  REQUIRE(send_text(*a, 0, "photo") == Status::ok);
  Ended ended;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) ended.text.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  REQUIRE(waitpid(pid, &ended.status, 0) == pid);
  return ended;
}

}  // namespace

TEST_CASE("a store into a received message ends the process with words that name node and input") {
  const Ended ended = store("received");
  REQUIRE(WIFSIGNALED(ended.status));
  CHECK(WTERMSIG(ended.status) == SIGSEGV);
  CAPTURE(ended.text);
  CHECK(ended.text.find("a store into received data: input \"in\" of node \"b\"") != std::string::npos);
  CHECK(ended.text.find("memcpy(") != std::string::npos);
}

TEST_CASE("a store elsewhere ends the process by the same signal and says nothing of messages") {
  const Ended ended = store("elsewhere");
  REQUIRE(WIFSIGNALED(ended.status));
  CHECK(WTERMSIG(ended.status) == SIGSEGV);
  CHECK(ended.text.find("received data") == std::string::npos);
}
