// dora-launch: becomes a node's program, with the cores and the scheduling that its dataflow file asks for.
//
//   dora-launch [--cpus 0,2,3] [--policy fifo|rr --priority N] -- PROGRAM [ARGUMENT ...]
//
// Set here, before the program begins, both hold for every thread that it will ever have; set from outside they would
// miss the threads that are there already. What was set is read back, and what is not as asked is told on descriptor 3,
// a line each; then the program runs all the same, for a robot that is slower is better than none:
//   cpus ERRNO LIST        the cores it runs on now; ERRNO 0: some of those asked for are closed to this process
//   realtime ERRNO LIMIT   LIMIT: the highest priority that this user may have (RLIMIT_RTPRIO)
//   exec ERRNO             the program could not be started
// Descriptor 3 closes when the program runs. Started by the daemon (lib/daemon/child.ts); its process id stays.
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int kReport = 3;
constexpr size_t kMaxCores = 8192;  // what Linux can be built for

/// A set of cores. The kernel wants room for all that it could have, whatever the machine has.
class Cores {
 public:
  void add(size_t core) { bits_[core / kWord] |= 1UL << (core % kWord); }
  bool has(size_t core) const { return (bits_[core / kWord] >> (core % kWord) & 1) != 0; }
  bool operator==(const Cores& other) const { return bits_ == other.bits_; }
  bool apply() { return sched_setaffinity(0, bytes(), reinterpret_cast<const cpu_set_t*>(bits_.data())) == 0; }
  bool read_back() { return sched_getaffinity(0, bytes(), reinterpret_cast<cpu_set_t*>(bits_.data())) == 0; }

  std::string text() const {
    std::string out;
    for (size_t core = 0; core < kMaxCores; core++) {
      if (has(core)) out += (out.empty() ? "" : ",") + std::to_string(core);
    }
    return out;
  }

 private:
  static constexpr size_t kWord = 8 * sizeof(unsigned long);
  static constexpr size_t bytes() { return kMaxCores / 8; }
  std::vector<unsigned long> bits_ = std::vector<unsigned long>(kMaxCores / kWord);
};

struct Wish {
  bool has_cores = false;
  Cores cores;
  int policy = SCHED_OTHER;
  int priority = 0;
};

void report(const std::string& line) {
  // Nobody listens any more: then nobody is told.
  if (write(kReport, line.data(), line.size()) < 0) return;
}

bool parse(const char* text, char end, long low, long high, long* out, const char** rest) {
  char* stop = nullptr;
  errno = 0;
  *out = strtol(text, &stop, 10);
  if (rest != nullptr) *rest = stop;
  return errno == 0 && stop != text && (*stop == end || *stop == '\0') && *out >= low && *out <= high;
}

bool parse_cores(const char* text, Cores* out) {
  for (const char* at = text; *at != '\0'; at += *at == ',') {
    long core = 0;
    if (!parse(at, ',', 0, kMaxCores - 1, &core, &at)) return false;
    out->add(static_cast<size_t>(core));
  }
  return true;
}

/// The index of the program among the arguments, 0 when they make no sense.
int parse_arguments(int argc, char** argv, Wish* wish) {
  for (int i = 1; i < argc; i++) {
    const std::string option = argv[i];
    if (option == "--") return i + 1 < argc ? i + 1 : 0;
    if (++i >= argc) return 0;
    if (option == "--cpus") {
      wish->has_cores = true;
      if (!parse_cores(argv[i], &wish->cores)) return 0;
    } else if (option == "--policy") {
      wish->policy = strcmp(argv[i], "fifo") == 0 ? SCHED_FIFO : SCHED_RR;
    } else if (option == "--priority") {
      long priority = 0;
      if (!parse(argv[i], '\0', 1, 99, &priority, nullptr)) return 0;
      wish->priority = static_cast<int>(priority);
    } else {
      return 0;
    }
  }
  return 0;
}

void set_cores(Wish* wish) {
  const int problem = wish->cores.apply() ? 0 : errno;
  Cores now;
  if (!now.read_back() || !(now == wish->cores)) report("cpus " + std::to_string(problem) + " " + now.text() + "\n");
}

void set_policy(const Wish& wish) {
  sched_param parameters{};
  parameters.sched_priority = wish.priority;
  const int problem = sched_setscheduler(0, wish.policy, &parameters) == 0 ? 0 : errno;
  sched_param now{};
  if (sched_getscheduler(0) == wish.policy && sched_getparam(0, &now) == 0 && now.sched_priority == wish.priority)
    return;
  rlimit limit{};
  getrlimit(RLIMIT_RTPRIO, &limit);
  report("realtime " + std::to_string(problem) + " " + std::to_string(limit.rlim_cur) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  Wish wish;
  const int program = parse_arguments(argc, argv, &wish);
  if (program == 0) {
    fputs("usage: dora-launch [--cpus 0,2,3] [--policy fifo|rr --priority N] -- PROGRAM [ARGUMENT ...]\n", stderr);
    return 64;
  }
  fcntl(kReport, F_SETFD, FD_CLOEXEC);
  if (wish.has_cores) set_cores(&wish);
  if (wish.policy != SCHED_OTHER) set_policy(wish);
  execvp(argv[program], argv + program);
  report("exec " + std::to_string(errno) + "\n");
  return 127;
}
