// dora-guard: ends a daemon's nodes when the daemon itself is killed, so that `kill -9` of `dora run` leaves nothing
// behind.
//
// The daemon starts it with a pipe as its stdin and writes lines:
//   + PID      watch this process; it leads a process group of its own
//   - PID      no longer
//   wait MS    time for the nodes to notice by themselves and end in order, before SIGTERM (0 at first)
//   grace MS   time between SIGTERM and SIGKILL (5000 at first)
//   folder F   the broker's socket folder, which a killed daemon leaves behind
//   quit       end now and touch nothing (an orderly end of the daemon)
// When the pipe closes without `quit`, the daemon is dead: after the wait every watched group that is left gets
// SIGTERM, what is left after the grace SIGKILL; then the folder goes.
//
// Invariants. A pidfd is opened as soon as a PID is named, so a number that was given to another process since is never
// signalled. A group is signalled while its leader lives, or while the group still has members after the leader died
// under our SIGTERM (its children); a group's number is not given away while it has members. The guard survives what
// ends the daemon: it has its own session, ignores SIGINT, SIGTERM, SIGHUP and SIGPIPE, and holds no descriptor but
// stdin, its standard streams pointing to /dev/null, so that it keeps nobody's pipe open.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

namespace {

constexpr int64_t kDefaultGraceMs = 5000;
constexpr int kStepMs = 20;  // between looks at groups whose leader is dead; leaders themselves are polled

struct Watched {
  pid_t pid;
  int pidfd;
};

struct Guard {
  std::vector<Watched> watched;
  int64_t wait_ms = 0;
  int64_t grace_ms = kDefaultGraceMs;
  std::string folder;
  bool quit = false;

  void add(pid_t pid);
  void remove(pid_t pid);
  void line(const std::string& text);
  void sleep_until_ended(int64_t ms);
  void end_all();
  void remove_folder();
};

int64_t now_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

/// A number from 0 and nothing else; -1 otherwise.
int64_t parse(const char* text) {
  char* end = nullptr;
  errno = 0;
  const long long value = strtoll(text, &end, 10);
  return errno != 0 || end == text || *end != '\0' || value < 0 ? -1 : value;
}

bool is_dead(int pidfd) {
  pollfd look{pidfd, POLLIN, 0};
  return poll(&look, 1, 0) == 1;
}

void Guard::add(pid_t pid) {
  // Never ourselves, init, or "every process" (kill(-1)).
  if (pid <= 1 || pid == getpid()) return;
  remove(pid);
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd >= 0) watched.push_back({pid, pidfd});
}

void Guard::remove(pid_t pid) {
  std::erase_if(watched, [&](const Watched& w) {
    if (w.pid == pid) close(w.pidfd);
    return w.pid == pid;
  });
}

void Guard::line(const std::string& text) {
  if (text == "quit") {
    quit = true;
  } else if (text.starts_with("+ ")) {
    add(static_cast<pid_t>(parse(text.c_str() + 2)));
  } else if (text.starts_with("- ")) {
    remove(static_cast<pid_t>(parse(text.c_str() + 2)));
  } else if (text.starts_with("wait ")) {
    if (const int64_t value = parse(text.c_str() + 5); value >= 0) wait_ms = value;
  } else if (text.starts_with("folder /")) {
    folder = text.substr(7);
  } else if (text.starts_with("grace ")) {
    if (const int64_t value = parse(text.c_str() + 6); value >= 0) grace_ms = value;
  }
}

/// Until every watched group is empty, at most this long.
void Guard::sleep_until_ended(int64_t ms) {
  const int64_t until = now_ms() + ms;
  while (!watched.empty() && now_ms() < until) {
    std::erase_if(watched,
                  [](const Watched& w) { return is_dead(w.pidfd) && killpg(w.pid, 0) != 0 && errno == ESRCH; });
    const timespec pause{0, kStepMs * 1'000'000};
    nanosleep(&pause, nullptr);
  }
}

void Guard::end_all() {
  // Who has died before is out of reach: its number may mean somebody else now.
  std::erase_if(watched, [](const Watched& w) { return is_dead(w.pidfd); });
  if (wait_ms > 0) sleep_until_ended(wait_ms);
  // The leader was alive when the daemon died. If it dies and is reaped before the signal, killpg finds its remaining
  // children, or nobody. A process that never became a leader has no such group: then the process itself gets the
  // signal.
  for (const Watched& w : watched) {
    if (killpg(w.pid, SIGTERM) != 0 && errno == ESRCH) syscall(SYS_pidfd_send_signal, w.pidfd, SIGTERM, nullptr, 0);
  }
  // A stopped process cannot act on SIGTERM.
  for (const Watched& w : watched) killpg(w.pid, SIGCONT);
  sleep_until_ended(grace_ms);
  for (const Watched& w : watched) {
    if (killpg(w.pid, SIGKILL) != 0 && errno == ESRCH) syscall(SYS_pidfd_send_signal, w.pidfd, SIGKILL, nullptr, 0);
  }
}

/// What broker/socket_folder.h makes: <outer>/<inner>/{broker.sock,lock}. The first node that noticed may have been
/// here.
void Guard::remove_folder() {
  if (folder.empty()) return;
  unlink((folder + "/broker.sock").c_str());
  unlink((folder + "/lock").c_str());
  rmdir(folder.c_str());
  rmdir(folder.substr(0, folder.rfind('/')).c_str());  // fails while another broker lives in it
}

/// Everything but stdin closed; stdout and stderr to /dev/null.
void drop_descriptors() {
  const int null = open("/dev/null", O_RDWR);
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    if (null < 0 || dup2(null, fd) < 0) close(fd);
  }
#ifdef SYS_close_range
  if (syscall(SYS_close_range, 3u, ~0u, 0u) == 0) return;
#endif
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return;
  std::vector<int> open_ones;
  while (const dirent* entry = readdir(folder)) {
    const int fd = static_cast<int>(parse(entry->d_name));
    if (fd > STDERR_FILENO && fd != dirfd(folder)) open_ones.push_back(fd);
  }
  closedir(folder);
  for (const int fd : open_ones) close(fd);
}

}  // namespace

int main() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGTSTP}) signal(number, SIG_IGN);
  setsid();  // fails only if we lead a group already, and then a terminal's signals do not reach us either
  drop_descriptors();
  if (chdir("/") != 0) return 1;  // keeps no file system busy

  Guard guard;
  std::string pending;
  char buffer[4096];
  while (!guard.quit) {
    const ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    pending.append(buffer, static_cast<size_t>(n));
    size_t start = 0;
    for (size_t end; !guard.quit && (end = pending.find('\n', start)) != std::string::npos; start = end + 1)
      guard.line(pending.substr(start, end - start));
    pending.erase(0, start);
  }
  if (!guard.quit) {
    guard.end_all();
    guard.remove_folder();
  }
  return 0;
}
