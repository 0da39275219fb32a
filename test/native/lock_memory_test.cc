// `realtime: { lock_memory: true }`: what is locked, what a process without the right to it does, and who is told. Each
// case runs in a child process, because locks and capabilities are the process's.
#include "node/lock_memory.h"

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>

#include "core/region.h"
#include "node_world.h"

using namespace dora;
using namespace dora::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLocks = false;  // sanitizers turn mlock and mlockall into nothing
#else
constexpr bool kLocks = true;
#endif

/// A figure of /proc/self/status in KiB.
long kib(const char* key) {
  FILE* file = fopen("/proc/self/status", "re");
  char line[256];
  long value = -1;
  while (file != nullptr && fgets(line, sizeof line, file) != nullptr) {
    if (strncmp(line, key, strlen(key)) == 0) sscanf(line + strlen(key), ": %ld", &value);
  }
  if (file != nullptr) fclose(file);
  return value;
}

/// No right to lock beyond 64 KiB, whoever runs the test.
bool drop_rights() {
  const rlimit limit{64 * 1024, 64 * 1024};
  if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0) return false;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  return syscall(SYS_capset, &header, none) == 0;
}

/// Whether this process, or rather its child, may lock all it wants.
bool may_lock() {
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  return limit.rlim_cur == RLIM_INFINITY || lock_memory(true) == 0;
}

/// Exit status of a child that runs `body`.
int in_child(const std::function<int()>& body) {
  const pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) _exit(body());
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

TEST_CASE("without the right to it nothing is locked, and the reason is given") {
  CHECK(in_child([] {
          if (!drop_rights()) return 1;
          if (lock_memory(false) != EPERM || lock_memory(true) != EPERM) return 2;
          return kib("VmLck") == 0 ? 0 : 3;
        }) == 0);
}

TEST_CASE("with the right to it all memory is locked, and what is mapped later") {
  CHECK(in_child([] {
          if (!may_lock()) return 0;
          if (lock_memory(false) != 0) return 1;
          const long before = kib("VmLck");
          Mapping mapping;
          Error error;
          if (Mapping::anonymous(1 << 20, &mapping, &error) != Status::ok) return 2;
          return !kLocks || (before > 0 && kib("VmLck") >= before + 1024) ? 0 : 3;
        }) == 0);
}

TEST_CASE("beside a heap that cannot be locked, files and shared memory are; the heap gives pages back as ever") {
  CHECK(in_child([] {
          if (!may_lock()) return 0;
          constexpr size_t kSize = 1 << 20;
          void* heap = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
          if (heap == MAP_FAILED) return 1;
          memset(heap, 1, kSize);
          if (lock_memory(true) != 0) return 2;
          // What V8 ends the process for, when it fails.
          if (madvise(heap, kSize, MADV_DONTNEED) != 0) return 3;
          const long before = kib("VmLck");
          Fd fd;
          Mapping mapping;
          Error error;
          if (create_memfd("test", kSize, &fd, &error) != Status::ok) return 4;
          if (Mapping::map(fd.get(), kSize, true, &mapping, &error) != Status::ok) return 5;
          return !kLocks || (before > 0 && kib("VmLck") >= before + 1024) ? 0 : 6;
        }) == 0);
}

TEST_CASE("a node that cannot lock its memory joins all the same, and the broker is told") {
  World world;
  auto wish = node_of("a", {}, {"x"});
  wish.lock_memory = true;
  const std::string config = world.add({wish})[0];
  CHECK(in_child([&] {
          if (!drop_rights()) return 1;
          std::unique_ptr<Node> node;
          Error error;
          if (Node::connect({config, nullptr}, &node, &error) != Status::ok) return 2;
          return node->wait_start(&error) == Status::ok ? 0 : 3;
        }) == 0);
  bool told = false;
  BrokerEvent event;
  for (int i = 0; i < 5000 && !told; i++) {
    if (!world.broker->next_event(&event)) {
      usleep(1000);
    } else if (event.kind == BrokerEvent::Kind::unlocked) {
      told = true;
      CHECK(event.node == "a");
      CHECK(event.text == strerror(EPERM));
    }
  }
  CHECK(told);
}
