// Making, checking and removing the socket's folder. See socket_folder.h.
#include "broker/socket_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

namespace dora::broker {
namespace {

constexpr const char* kLockName = "lock";
constexpr const char* kSocketName = "broker.sock";
constexpr int kLockTries = 500;  // of 10 ms: whoever holds the outer folder does so for some system calls only
constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/// mkdir that ends in mode 0700 whatever the umask says. `made` false: it was there.
Status make_folder(int parent, const std::string& name, const std::string& path, bool* made, Error* error) {
  *made = mkdirat(parent, name.c_str(), 0700) == 0;
  if (*made) {
    if (fchmodat(parent, name.c_str(), 0700, 0) != 0)
      return error->fail_os("fchmodat", "cannot make " + path + " private");
    return Status::ok;
  }
  if (errno == EEXIST) return Status::ok;
  Status status = error->fail_os("mkdir", "cannot make the folder " + path);
  error->hint = "Set XDG_RUNTIME_DIR to a folder that you may write into.";
  return status;
}

/// Opens a folder that must be ours alone. Status::empty: it went away in the meantime.
Status open_private(int parent, const std::string& name, const std::string& path, Fd* out, Error* error) {
  Fd fd(openat(parent, name.c_str(), kOpenFolder));
  if (!fd.valid()) {
    if (errno == ENOENT) return Status::empty;
    if (errno == ELOOP || errno == ENOTDIR) {
      return error->fail(
          Status::os_error,
          path + " is not a folder (or a symbolic link to one), so the daemon's socket would not be safe in it",
          "Remove it, or set XDG_RUNTIME_DIR to another folder.");
    }
    return error->fail_os("open", "cannot open the folder " + path);
  }
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return error->fail_os("fstat", "cannot look at the folder " + path);
  if (info.st_uid != geteuid()) {
    return error->fail(Status::os_error, path + " belongs to another user (uid " + std::to_string(info.st_uid) + ")",
                       "Set XDG_RUNTIME_DIR to a folder of your own.");
  }
  if ((info.st_mode & 0077) != 0) {
    return error->fail(Status::os_error,
                       "other users may enter " + path + ", so the daemon's socket would not be safe in it",
                       "Run: chmod 700 '" + path + "'");
  }
  *out = std::move(fd);
  return Status::ok;
}

/// Locks the outer folder. Status::empty: somebody removed it before we had the lock.
Status lock_outer(int outer, const std::string& path, Error* error) {
  for (int i = 0; flock(outer, LOCK_EX | LOCK_NB) != 0; i++) {
    if (errno != EWOULDBLOCK && errno != EINTR) return error->fail_os("flock", "cannot lock the folder " + path);
    if (i == kLockTries) {
      return error->fail(Status::os_error, "another dora process has held the folder " + path + " for seconds",
                         "Look for a stopped dora process and end it.");
    }
    const timespec pause{0, 10'000'000};
    nanosleep(&pause, nullptr);
  }
  struct stat info;
  if (fstat(outer, &info) != 0) return error->fail_os("fstat", "cannot look at the folder " + path);
  return info.st_nlink == 0 ? Status::empty : Status::ok;
}

/// "<pid>-<hex digits>": what create() makes; nothing else is ever touched.
bool is_our_name(const char* name) {
  const size_t digits = strspn(name, "0123456789");
  if (digits == 0 || name[digits] != '-') return false;
  const char* rest = name + digits + 1;
  return *rest != '\0' && rest[strspn(rest, "0123456789abcdef")] == '\0';
}

void remove_inner(int outer, const char* name) {
  Fd inner(openat(outer, name, kOpenFolder));
  if (!inner.valid()) return;
  unlinkat(inner.get(), kSocketName, 0);
  unlinkat(inner.get(), kLockName, 0);
  unlinkat(outer, name, AT_REMOVEDIR);
}

/// True when no live broker holds the folder.
bool is_stale(int outer, const char* name) {
  Fd inner(openat(outer, name, kOpenFolder));
  if (!inner.valid()) return false;
  Fd lock(openat(inner.get(), kLockName, O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!lock.valid())
    return errno == ENOENT;  // killed between mkdir and here: we hold the outer folder, so nobody is making it now
  return flock(lock.get(), LOCK_EX | LOCK_NB) == 0;
}

void remove_stale(int outer) {
  const int copy = openat(outer, ".", kOpenFolder);
  if (copy < 0) return;
  DIR* folder = fdopendir(copy);
  if (folder == nullptr) {
    close(copy);
    return;
  }
  while (const dirent* entry = readdir(folder)) {
    if (is_our_name(entry->d_name) && is_stale(outer, entry->d_name)) remove_inner(outer, entry->d_name);
  }
  closedir(folder);
}

Status make_lock(int outer, const std::string& name, const std::string& path, Fd* out, Error* error) {
  Fd inner;
  if (Status s = open_private(outer, name, path, &inner, error); s != Status::ok) return s;
  Fd lock(openat(inner.get(), kLockName, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock.valid()) return error->fail_os("open", "cannot make " + path + "/" + kLockName);
  fchmod(lock.get(), 0600);  // the umask may have taken our own bits
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return error->fail_os("flock", "cannot lock " + path + "/" + kLockName);
  *out = std::move(lock);
  return Status::ok;
}

}  // namespace

Status SocketFolder::create(const std::string& runtime_folder, SocketFolder* out, Error* error) {
  SocketFolder made;
  made.runtime_folder_ = runtime_folder;
  made.outer_name_ = "dora-" + std::to_string(geteuid());
  const std::string outer_path = runtime_folder + "/" + made.outer_name_;
  Fd parent(open(runtime_folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.valid()) {
    Status status = error->fail_os("open", "cannot open the folder \"" + runtime_folder + "\" for the daemon's socket");
    error->hint = "Set XDG_RUNTIME_DIR to a folder that exists.";
    return status;
  }
  Fd outer;
  Status status = Status::empty;
  // Another broker that ends may remove the outer folder between our steps: then again.
  for (int i = 0; i < 100 && status == Status::empty; i++) {
    bool ignored;
    outer.reset();
    if (status = make_folder(parent.get(), made.outer_name_, outer_path, &ignored, error); status != Status::ok)
      return status;
    if (status = open_private(parent.get(), made.outer_name_, outer_path, &outer, error); status != Status::ok)
      continue;
    status = lock_outer(outer.get(), outer_path, error);
  }
  if (status != Status::ok && status != Status::empty) return status;
  if (status == Status::empty || !outer.valid())
    return error->fail(Status::os_error, "the folder " + outer_path + " disappears again and again");

  remove_stale(outer.get());
  uint32_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random)
    return error->fail_os("getrandom", "cannot get random bytes");
  char name[32];
  snprintf(name, sizeof name, "%d-%08x", static_cast<int>(getpid()), random);
  made.name_ = name;
  made.path_ = outer_path + "/" + made.name_;
  bool fresh = false;
  if (status = make_folder(outer.get(), made.name_, made.path_, &fresh, error); status != Status::ok) return status;
  if (!fresh) return error->fail(Status::os_error, "the folder " + made.path_ + " exists already", "Start it again.");
  status = make_lock(outer.get(), made.name_, made.path_, &made.lock_, error);
  flock(outer.get(), LOCK_UN);
  made.outer_ = std::move(outer);
  if (status != Status::ok) return status;  // ~SocketFolder removes what there is
  *out = std::move(made);
  return Status::ok;
}

SocketFolder::~SocketFolder() {
  if (!outer_.valid()) return;
  Error ignored;
  const bool locked = lock_outer(outer_.get(), path_, &ignored) == Status::ok;
  remove_inner(outer_.get(), name_.c_str());
  if (!locked) return;
  Fd parent(open(runtime_folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.valid())
    unlinkat(parent.get(), outer_name_.c_str(), AT_REMOVEDIR);  // fails when another broker lives in it
}

}  // namespace dora::broker
