// Both ends of an edge in one test process, with regions made as a broker makes them. For tests of native/core without
// processes.
#pragma once

#include <fcntl.h>
#include <sys/eventfd.h>

#include <cstring>
#include <memory>
#include <string>

#include "core/edge_reader.h"
#include "core/publisher.h"
#include "doctest/doctest.h"

namespace dora::test {

/// A budget with a hard limit, so that no test can take the machine's memory.
class FixedBudget final : public MemoryBudget {
 public:
  explicit FixedBudget(uint64_t limit) : limit_(limit) {}
  bool acquire(uint64_t bytes, Error* error) override {
    if (used + bytes > limit_) {
      error->fail(Status::shm_exhausted,
                  "budget of the test: " + std::to_string(used) + " of " + std::to_string(limit_));
      return false;
    }
    used += bytes;
    return true;
  }
  void give_back(uint64_t bytes) override { used -= bytes; }
  uint64_t used = 0;

 private:
  uint64_t limit_;
};

inline Fd dup_fd(const Fd& fd) { return Fd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)); }
inline Fd new_eventfd() { return Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

inline bool rang(int doorbell) {
  uint64_t count = 0;
  return read(doorbell, &count, sizeof count) == sizeof count;
}

/// Memory, doorbells and constants of one edge, and its ends once they are opened.
struct EdgePair {
  Fd region, inbox_memory, reader_bell = new_eventfd(), writer_bell = new_eventfd();
  EdgeConstants constants{};
  Inbox inbox;
  EdgeReader reader;
  Error error;

  EdgePair(Policy policy, uint32_t queue_size, uint32_t max_slots, uint32_t hold_limit = 16, uint64_t edge_id = 1,
           uint64_t region_id = 1) {
    const uint32_t cells = cells_for(queue_size);
    constants.magic = kEdgeMagic;
    constants.version = kEdgeVersion;
    constants.policy = static_cast<uint16_t>(policy);
    constants.queue_size = queue_size;
    constants.cells = cells;
    constants.rel_words = (max_slots + 63) / 64;
    constants.rel_offset = rel_offset_for(cells);
    constants.hold_limit = hold_limit;
    constants.edge_id = edge_id;
    constants.region_id = region_id;
    REQUIRE(create_memfd("test-edge", edge_region_size(cells, constants.rel_words), &region, &error) == Status::ok);
    REQUIRE(pwrite(region.get(), &constants, sizeof constants, 0) == sizeof constants);
    REQUIRE(create_memfd("test-inbox", round_to_page(kInboxSize), &inbox_memory, &error) == Status::ok);
    const uint32_t magic = kInboxMagic;
    REQUIRE(pwrite(inbox_memory.get(), &magic, sizeof magic, 0) == sizeof magic);
    REQUIRE(Inbox::open(dup_fd(inbox_memory), dup_fd(reader_bell), &inbox, &error) == Status::ok);
  }

  Status open_writer(Publisher& publisher, bool is_return = false) {
    return publisher.open_edge({constants.edge_id, constants.region_id, constants.region_id, constants, "reader/in",
                                dup_fd(region), dup_fd(inbox_memory), dup_fd(reader_bell)},
                               is_return, &error);
  }
  Status open_reader(Publisher& publisher, uint64_t map_bytes, uint32_t max_slots) {
    return reader.open({constants.edge_id, constants.region_id, 1, 0, max_slots, map_bytes, constants, "writer/out",
                        dup_fd(region), Fd(fcntl(publisher.pool_fd(), F_DUPFD_CLOEXEC, 0)), dup_fd(writer_bell)},
                       &error);
  }
};

/// Publishes a u64; the status of the send (a failed loan's status when there is no slot).
inline Status send_number(Publisher& publisher, uint64_t number, bool arm = false, uint64_t size = sizeof(uint64_t)) {
  Error error;
  uint32_t slot;
  uint8_t* data;
  uint64_t capacity;
  if (Status s = publisher.loan(size, &slot, &data, &capacity, &error); s != Status::ok) return s;
  memcpy(data, &number, sizeof number);
  Outgoing message;
  message.slot = slot;
  message.size = size;
  message.wall_ns = 1000 + number;
  message.arm = arm;
  const Status s = publisher.send(message, nullptr, &error);
  if (s != Status::ok) publisher.unref(slot);
  return s;
}

inline uint64_t number_of(const ClaimedSample& sample) {
  uint64_t number;
  memcpy(&number, sample.data, sizeof number);
  return number;
}

}  // namespace dora::test
