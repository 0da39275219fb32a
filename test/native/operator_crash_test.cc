// A crash of an operator, in a process of its own: the right signal, and a line that names operator, event, input and
// signal.
#include <signal.h>
#include <sys/wait.h>

#include "operator_harness.h"
#include "peer_command.h"

using namespace dora;
using namespace dora::test;

namespace {

/// What __builtin_trap() is on this processor.
#ifdef __aarch64__
constexpr int kTrap = SIGTRAP;
#else
constexpr int kTrap = SIGILL;
#endif

struct Ended {
  int status = 0;
  std::string text;
};

/// Runs a runtime of its own with the flow's operators, all of op_crash, sends one message, and waits for its end.
Ended crash(Flow& flow) {
  const std::string config = flow.announce();
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  std::vector<std::string> words{config, library("op_crash")};
  for (const OperatorSpec& spec : flow.specs)
    words.push_back(spec.id + "/" + spec.inputs[0] + (spec.outputs.empty() ? "" : "/" + spec.outputs[0]));
  const PeerCommand peer(beside("operator_runtime_peer"), words);
  const pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    // A sanitizer would catch the signal and exit.
    for (const char* name : {"ASAN_OPTIONS", "TSAN_OPTIONS"}) {
      setenv(name,
             "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0:detect_leaks=0:use_"
             "sigaltstack=0",
             1);
    }
    peer.exec();
  }
  close(ends[1]);
  Ended ended;
  Node& source = *flow.nodes["source"];
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  bool sent = false;
  for (;;) {
    pollfd readable[2] = {{ends[0], POLLIN, 0}, {source.control_fd(), POLLIN, 0}};
    REQUIRE(poll(readable, 2, 100) >= 0);
    if (readable[1].revents != 0) source.awake(false, true);
    if (source.started() && !std::exchange(sent, true)) flow.send("source", "photo");
    if (readable[0].revents != 0) {
      char buffer[4096];
      const ssize_t n = read(ends[0], buffer, sizeof buffer);
      if (n <= 0) break;
      ended.text.append(buffer, static_cast<size_t>(n));
    }
    if (std::chrono::steady_clock::now() > give_up) {
      kill(pid, SIGKILL);
      FAIL("it did not crash");
    }
  }
  close(ends[0]);
  REQUIRE(waitpid(pid, &ended.status, 0) == pid);
  flow.broker->node_ended("flow", "runtime", true, true);
  return ended;
}

/// The same for one operator.
Ended crash(const std::string& id) {
  Flow flow;
  flow.node("source", {}, {"x"});
  flow.library_op(id, library("op_crash"), {{"image", "source/x"}}, {});
  return crash(flow);
}

}  // namespace

TEST_CASE("a crash in on_event names operator, input and signal, and ends the process with it") {
  const std::pair<const char*, int> crashes[] = {{"segv", SIGSEGV}, {"stack", SIGSEGV}, {"fpe", SIGFPE},
                                                 {"bus", SIGBUS},   {"trap", kTrap},    {"abort", SIGABRT}};
  for (const auto& [id, signal] : crashes) {
    CAPTURE(id);
    const Ended ended = crash(id);
    CAPTURE(ended.text);
    CHECK(WIFSIGNALED(ended.status));
    CHECK(WTERMSIG(ended.status) == signal);
    CHECK(ended.text.find("error OPERATOR_CRASHED operator \"" + std::string(id) + "\" crashed with SIG") !=
          std::string::npos);
    CHECK(ended.text.find("while it handled a message of input \"image\", sequence 1") != std::string::npos);
    CHECK(ended.text.find("hint: ") != std::string::npos);
  }
}

TEST_CASE("a crash in init and in the start event are told apart") {
  const Ended init = crash("init");
  CHECK(WIFSIGNALED(init.status));
  CHECK(init.text.find("operator \"init\" crashed with SIGSEGV (invalid memory access) at address 0x10 in init") !=
        std::string::npos);
  const Ended start = crash("start");
  CHECK(WIFSIGNALED(start.status));
  CHECK(start.text.find("while it handled the start event") != std::string::npos);
}

TEST_CASE("a store into a received message names whose memory it is") {
  const Ended ended = crash("store");
  CAPTURE(ended.text);
  CHECK(WIFSIGNALED(ended.status));
  CHECK(WTERMSIG(ended.status) == SIGSEGV);
  CHECK(ended.text.find("operator \"store\"") != std::string::npos);
  CHECK(ended.text.find("input \"store/image\" of node \"runtime\"") != std::string::npos);
  CHECK(ended.text.find("copy the payload") != std::string::npos);
}

TEST_CASE("a crash with messages of neighbours in flight: each of them is received, dropped, or was in flight") {
  Flow flow;
  flow.node("source", {}, {"x"});
  flow.library_op("burst", library("op_crash"), {{"image", "source/x"}}, {"out"});
  flow.library_op("second", library("op_crash"), {{"image", "local/burst/out", 4}}, {});
  const Ended ended = crash(flow);
  CAPTURE(ended.text);
  CHECK(WTERMSIG(ended.status) == SIGABRT);
  CHECK(ended.text.find("operator \"second\"") != std::string::npos);
  CHECK(ended.text.find("sequence 5") != std::string::npos);
  const InputCounts counts = flow.input_counts("second/image");
  CHECK(counts.sent == 7);
  CHECK(counts.received == 2);
  CHECK(counts.dropped == 3);
  CHECK(counts.in_flight == 2);
}
