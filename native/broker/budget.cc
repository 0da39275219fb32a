// Accounting of shared memory. See budget.h.
#include "broker/budget.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace dora::broker {
namespace {

/// The machine's figure when /proc cannot be read: little enough for any machine that runs this.
constexpr uint64_t kUnknownMemory = 1ull << 30;

/// A decimal number at the start of a text, after spaces; false when there is none ("max").
bool parse_number(const char* text, uint64_t* out) {
  text += strspn(text, " \t");
  if (*text < '0' || *text > '9') return false;
  errno = 0;
  *out = strtoull(text, nullptr, 10);
  return errno == 0;
}

/// First number in a file; false for "max" or no file.
bool read_number(const std::string& path, uint64_t* out) {
  FILE* file = fopen(path.c_str(), "re");
  if (file == nullptr) return false;
  char line[64];
  const bool found = fgets(line, sizeof line, file) != nullptr && parse_number(line, out);
  fclose(file);
  return found;
}

uint64_t memory_of_machine() {
  static const char kLabel[] = "MemAvailable:";
  FILE* file = fopen("/proc/meminfo", "re");
  if (file == nullptr) return kUnknownMemory;
  char line[256];
  uint64_t kib = 0;
  while (fgets(line, sizeof line, file) != nullptr) {
    if (strncmp(line, kLabel, sizeof kLabel - 1) == 0 && parse_number(line + sizeof kLabel - 1, &kib)) break;
  }
  fclose(file);
  return kib > 0 ? kib * 1024 : kUnknownMemory;
}

/// Our group in cgroup v2, as "/a/b"; empty when there is none.
std::string own_cgroup() {
  FILE* file = fopen("/proc/self/cgroup", "re");
  if (file == nullptr) return {};
  char line[4096];
  std::string group;
  while (fgets(line, sizeof line, file) != nullptr) {
    if (strncmp(line, "0::", 3) != 0) continue;
    group = line + 3;
    while (!group.empty() && (group.back() == '\n' || group.back() == '/')) group.pop_back();
    break;
  }
  fclose(file);
  return group;
}

}  // namespace

uint64_t available_memory() {
  uint64_t available = memory_of_machine();
  // A limit of any group above us binds too.
  for (std::string group = own_cgroup();; group.resize(group.rfind('/'))) {
    uint64_t limit = 0;
    uint64_t used = 0;
    if (read_number("/sys/fs/cgroup" + group + "/memory.max", &limit)) {
      read_number("/sys/fs/cgroup" + group + "/memory.current", &used);
      available = std::min(available, limit > used ? limit - used : 0);
    }
    if (group.empty() || group.rfind('/') == std::string::npos) break;
  }
  return available;
}

std::string format_bytes(uint64_t bytes) {
  const char* units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < sizeof units / sizeof *units) {
    value /= 1024;
    unit++;
  }
  char text[64];
  snprintf(text, sizeof text, unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}

Budget::Budget(uint64_t limit) : limit_(limit != 0 ? limit : available_memory() / 2) {}

uint64_t Budget::available(const Account& account) const {
  const uint64_t node = account.limit > account.used ? account.limit - account.used : 0;
  const uint64_t machine = limit_ > used_ ? limit_ - used_ : 0;
  return std::min(node, machine);
}

bool Budget::charge(Account* account, uint64_t bytes) {
  if (bytes > available(*account)) return false;
  account->used += bytes;
  used_ += bytes;
  return true;
}

void Budget::release(Account* account, uint64_t bytes) {
  account->used -= std::min(account->used, bytes);
  used_ -= std::min(used_, bytes);
}

std::string Budget::figures(const Account& account) const {
  return "the node holds " + format_bytes(account.used) + " of " + format_bytes(account.limit) + ", the machine " +
         format_bytes(used_) + " of " + format_bytes(limit_);
}

}  // namespace dora::broker
