// What the nodes of restart_test write down about themselves: a file that all of them and the test map, so that it
// outlives kills. One writer a field; relaxed, for each is looked at alone. Callers: restart_test.cc, restart_peer.cc.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace dora::test {

constexpr uint32_t kMostNodes = 8, kMostInputs = 4;

/// What the test asks of every node: to stream; to send nothing and to keep nothing of what still comes; to hold
/// nothing any more; to loan all there is of its output. A later request has a larger number, and its kind is the
/// number % 4.
enum Request : uint32_t { kStream = 0, kBeQuiet = 1, kLetGo = 2, kLoanAll = 3 };
constexpr uint32_t kRequests = 4;

struct RestartState {
  std::atomic<uint32_t> request;
  struct Node {
    std::atomic<uint32_t> done;   ///< the newest request that it has fulfilled
    std::atomic<uint64_t> sent;   ///< sends that have returned, in all lives
    std::atomic<uint64_t> loans;  ///< loans that it got at once before there was no slot left, at the newest kLoanAll
    struct Input {
      std::atomic<uint64_t> received;  ///< in all lives
      std::atomic<uint64_t> last;      ///< number of the newest message
    } inputs[kMostInputs];
    char failure[200];  ///< why it ended by itself with a status other than 0
  } nodes[kMostNodes];
};

/// Maps the file, making it when it is not there; null when that fails.
inline RestartState* map_state(const char* path) {
  const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof(RestartState)) != 0) return nullptr;
  void* memory = mmap(nullptr, sizeof(RestartState), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<RestartState*>(memory);
}

}  // namespace dora::test
