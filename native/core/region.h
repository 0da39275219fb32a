// Shared memory as files without names: memfds, their seals, and mappings of them.
//
// Every byte is fallocated before it is used, so that running out of memory is an error of a call and never a SIGBUS.
// Mappings are MADV_DONTFORK (a forked child shares nothing by accident) and MADV_DONTDUMP. No code assumes a page
// size.
#pragma once

#include <cstdint>

#include "core/fd.h"
#include "core/status.h"

namespace dora {

uint64_t page_size();
uint64_t round_to_page(uint64_t bytes);

/// A new memfd of `size` bytes, all of them allocated; close-on-exec, sealable.
Status create_memfd(const char* name, uint64_t size, Fd* out, Error* error);
Status add_seals(int fd, int seals, Error* error);
/// Allocates the pages from `from` to `to`, growing the file. Status::shm_exhausted when the kernel has no memory.
Status grow_memfd(int fd, uint64_t from, uint64_t to, Error* error);
/// Size of the file behind fd, 0 when it cannot be read.
uint64_t file_size(int fd);

/// Mappings made from now on keep their pages in RAM once they are there.
void keep_new_mappings_in_ram();

/// One mapping; unmaps itself. The address may be larger than the file: pages beyond the file's end must not be
/// touched.
class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  static Status map(int fd, uint64_t size, bool writable, Mapping* out, Error* error);
  /// Private zeroed memory of the same kind, for pools that nobody outside the process reads. Pages come when touched.
  static Status anonymous(uint64_t size, Mapping* out, Error* error);

  uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }
  bool valid() const { return data_ != nullptr; }

 private:
  uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace dora
