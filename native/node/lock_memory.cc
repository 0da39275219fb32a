// mlockall where it can be kept up, and mlock of files and shared memory beside a heap. See lock_memory.h.
#include "node/lock_memory.h"

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/region.h"

namespace dora {
namespace {

bool has_capability() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  return (data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK)) != 0;
}

/// Locks what a line of /proc/self/maps says, if it lies in a file or is the stack.
void lock_line(const char* line) {
  // "start-end access offset device inode name"
  char* at = nullptr;
  const uintptr_t start = strtoul(line, &at, 16);
  const uintptr_t end = *at == '-' ? strtoul(at + 1, &at, 16) : 0;
  if (end <= start || at[0] != ' ' || at[1] != 'r') return;
  for (int fields = 0; fields < 3 && at != nullptr; fields++) at = strchr(at + 1, ' ');
  if (at == nullptr) return;
  const bool is_file = strtoul(at + 1, &at, 10) != 0;
  if (!is_file && strstr(at, "[stack]") == nullptr) return;
  // The kernel's own address. NOLINTNEXTLINE(performance-no-int-to-ptr)
  void* address = reinterpret_cast<void*>(start);
  // A mapping may be larger than its file; what is there is locked all the same.
  if (mlock(address, end - start) != 0) (void)mlock2(address, end - start, MLOCK_ONFAULT);
}

int lock_files() {
  FILE* maps = fopen("/proc/self/maps", "re");
  if (maps == nullptr) return errno;
  keep_new_mappings_in_ram();
  char* line = nullptr;
  size_t size = 0;
  while (getline(&line, &size, maps) > 0) lock_line(line);
  free(line);
  fclose(maps);
  return 0;
}

}  // namespace

int lock_memory(bool but_heap) {
  rlimit limit{};
  const bool unlimited = getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
  if (!unlimited && !has_capability()) return EPERM;
  if (but_heap) return lock_files();
  return mlockall(MCL_CURRENT | MCL_FUTURE) == 0 ? 0 : errno;
}

}  // namespace dora
