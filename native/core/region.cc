// memfds, seals and mappings. See region.h.
#include "core/region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <utility>

namespace dora {

uint64_t page_size() {
  static const uint64_t size = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return size;
}

uint64_t round_to_page(uint64_t bytes) {
  const uint64_t page = page_size();
  return (bytes + page - 1) / page * page;
}

Status create_memfd(const char* name, uint64_t size, Fd* out, Error* error) {
  Fd fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return error->fail_os("memfd_create", "cannot make shared memory");
  if (size > 0) {
    if (Status s = grow_memfd(fd.get(), 0, size, error); s != Status::ok) return s;
  }
  *out = std::move(fd);
  return Status::ok;
}

Status add_seals(int fd, int seals, Error* error) {
  if (fcntl(fd, F_ADD_SEALS, seals) != 0) return error->fail_os("fcntl(F_ADD_SEALS)", "cannot seal shared memory");
  return Status::ok;
}

Status grow_memfd(int fd, uint64_t from, uint64_t to, Error* error) {
  if (to <= from) return Status::ok;
  int result;
  do {
    result = fallocate(fd, 0, static_cast<off_t>(from), static_cast<off_t>(to - from));
  } while (result != 0 && errno == EINTR);
  if (result == 0) return Status::ok;
  const bool full = errno == ENOSPC || errno == ENOMEM || errno == EFBIG;
  error->fail_os("fallocate", "cannot get " + std::to_string(to - from) + " bytes of shared memory");
  if (!full) return Status::os_error;
  error->hint = "The machine, its cgroup or ulimit -f has no more memory. Send less, or release samples sooner.";
  return error->status = Status::shm_exhausted;
}

uint64_t file_size(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0 || info.st_size < 0) return 0;
  return static_cast<uint64_t>(info.st_size);
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    if (data_ != nullptr) munmap(data_, size_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(data_, size_);
}

namespace {

std::atomic<bool> keep_in_ram{false};  // a wish that publishes nothing: relaxed

Status finish(void* address, uint64_t size, uint8_t** data, uint64_t* out_size, Error* error) {
  if (address == MAP_FAILED) return error->fail_os("mmap", "cannot map " + std::to_string(size) + " bytes");
  madvise(address, size, MADV_DONTFORK);
  madvise(address, size, MADV_DONTDUMP);
  if (keep_in_ram.load(std::memory_order_relaxed)) (void)mlock2(address, size, MLOCK_ONFAULT);
  *data = static_cast<uint8_t*>(address);
  *out_size = size;
  return Status::ok;
}
}  // namespace

void keep_new_mappings_in_ram() { keep_in_ram.store(true, std::memory_order_relaxed); }

Status Mapping::map(int fd, uint64_t size, bool writable, Mapping* out, Error* error) {
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  Mapping mapping;
  void* address = mmap(nullptr, size, protection, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (Status s = finish(address, size, &mapping.data_, &mapping.size_, error); s != Status::ok) return s;
  *out = std::move(mapping);
  return Status::ok;
}

Status Mapping::anonymous(uint64_t size, Mapping* out, Error* error) {
  Mapping mapping;
  void* address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (Status s = finish(address, size, &mapping.data_, &mapping.size_, error); s != Status::ok) return s;
  *out = std::move(mapping);
  return Status::ok;
}

}  // namespace dora
