// dora-guard: what it ends, what it spares, and that nothing but the daemon's end moves it.
//
// The guard is run as the daemon runs it: a process with a pipe as stdin. It lies beside this test program.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "core/fd.h"
#include "doctest/doctest.h"
#include "peer_command.h"

using dora::Fd;

namespace {

constexpr int kPatienceMs = 20'000;

std::string guard_path() {
  char self[4096];
  const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  REQUIRE(n > 0);
  const std::string path(self, static_cast<size_t>(n));
  return path.substr(0, path.rfind('/')) + "/dora-guard";
}

bool ends_within(pid_t pid, int ms) {
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) return true;
  pollfd look{pidfd.get(), POLLIN, 0};
  return poll(&look, 1, ms) == 1;
}

struct Guard {
  Guard() {
    const dora::test::PeerCommand program(guard_path());
    int pipe_ends[2];
    REQUIRE(pipe2(pipe_ends, O_CLOEXEC) == 0);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      dup2(pipe_ends[0], STDIN_FILENO);
      program.exec();
    }
    close(pipe_ends[0]);
    in = Fd(pipe_ends[1]);
  }
  ~Guard() {
    in.reset();
    if (pid > 0) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
  }
  void say(const std::string& text) {
    REQUIRE(write(in.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  /// Exit status after it ended by itself.
  int wait_end() {
    REQUIRE(ends_within(pid, kPatienceMs));
    int status = 0;
    waitpid(pid, &status, 0);
    pid = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  pid_t pid;
  Fd in;
};

enum class Manner { plain, ignores_term, with_child };

/// A sleeping process group. `child` gets the group's second process.
struct Sleeper {
  explicit Sleeper(Manner manner = Manner::plain) {
    int ready[2];
    REQUIRE(pipe2(ready, O_CLOEXEC) == 0);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      // Before anything is said: the guard's pipe must have one writer, also while we are stopped.
      dup2(ready[1], 3);
      syscall(SYS_close_range, 4u, ~0u, 0u);
      setpgid(0, 0);
      // doctest has a handler of its own
      signal(SIGTERM, manner == Manner::ignores_term ? SIG_IGN : SIG_DFL);
      pid_t other = 0;
      if (manner == Manner::with_child && fork() == 0) {
        signal(SIGTERM, SIG_IGN);
        other = getpid();
      }
      if ((manner != Manner::with_child || other != 0) && write(3, &other, sizeof other) < 0) _exit(1);
      for (;;) pause();
    }
    close(ready[1]);
    const Fd end(ready[0]);
    REQUIRE(read(end.get(), &child, sizeof child) == sizeof child);
  }
  ~Sleeper() {
    if (pid <= 0) return;
    killpg(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  /// The signal it died of.
  int wait_end() {
    REQUIRE(ends_within(pid, kPatienceMs));
    int status = 0;
    waitpid(pid, &status, 0);
    pid = -1;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }
  bool alive() const { return waitpid(pid, nullptr, WNOHANG) == 0; }
  std::string line() const { return "+ " + std::to_string(pid) + "\n"; }
  pid_t pid;
  pid_t child = 0;
};

}  // namespace

TEST_CASE("when the daemon is gone, its nodes are asked to end, then ended") {
  Guard guard;
  Sleeper polite, stubborn(Manner::ignores_term);
  guard.say("grace 300\n" + polite.line() + stubborn.line());
  guard.in.reset();
  CHECK(polite.wait_end() == SIGTERM);
  CHECK(stubborn.wait_end() == SIGKILL);
  CHECK(guard.wait_end() == 0);
}

TEST_CASE("children of a node that ends politely do not outlive the grace") {
  Guard guard;
  Sleeper node(Manner::with_child);
  guard.say("grace 300\n" + node.line());
  guard.in.reset();
  CHECK(node.wait_end() == SIGTERM);
  CHECK(ends_within(node.child, kPatienceMs));
  CHECK(guard.wait_end() == 0);
}

TEST_CASE("a stopped node is ended too") {
  Guard guard;
  Sleeper node;
  kill(node.pid, SIGSTOP);
  guard.say("grace 10000\n" + node.line());
  guard.in.reset();
  CHECK(node.wait_end() == SIGTERM);
  CHECK(guard.wait_end() == 0);
}

TEST_CASE("a node that was taken off the list is spared") {
  Guard guard;
  Sleeper spared, ended;
  guard.say("grace 100\n" + spared.line() + ended.line() + "- " + std::to_string(spared.pid) + "\n");
  guard.in.reset();
  ended.wait_end();
  CHECK(guard.wait_end() == 0);
  CHECK(spared.alive());
}

TEST_CASE("quit ends the guard and nobody else") {
  Guard guard;
  Sleeper node;
  guard.say(node.line() + "quit\n");
  CHECK(guard.wait_end() == 0);
  CHECK(node.alive());
}

TEST_CASE("lines may come in pieces, and nonsense changes nothing") {
  Guard guard;
  Sleeper node;
  const std::string line = node.line();
  guard.say("+ -1\n+ 0\n+ 1\n+ x\n+\n\nhello\n+ 99999999999999999999\ngrace x\ngrace -4\ngrace 200\n");
  guard.say(line.substr(0, 3));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // not needed, makes two reads likely
  guard.say(line.substr(3));
  guard.in.reset();
  CHECK(node.wait_end() == SIGTERM);
  CHECK(guard.wait_end() == 0);
}

TEST_CASE("a process that died before the daemon is not signalled under its number") {
  Guard guard;
  Sleeper dead, alive;
  guard.say("grace 100\n" + dead.line() + alive.line());
  kill(dead.pid, SIGKILL);
  dead.wait_end();
  guard.in.reset();
  alive.wait_end();
  CHECK(guard.wait_end() == 0);
}

TEST_CASE("signals that end a terminal's programs do not end the guard, and it has a session of its own") {
  Guard guard;
  Sleeper node;
  guard.say(node.line());
  // It has read the line, and so has set itself up, when its session is its own.
  for (int i = 0; i < kPatienceMs / 10 && getsid(guard.pid) != guard.pid; i++)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(getsid(guard.pid) == guard.pid);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) kill(guard.pid, number);
  CHECK(!ends_within(guard.pid, 100));
  guard.say("quit\n");
  CHECK(guard.wait_end() == 0);
  CHECK(node.alive());
}
