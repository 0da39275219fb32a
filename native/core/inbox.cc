// Inbox bits, asleep flag and doorbell. See inbox.h.
#include "core/inbox.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "core/step.h"

namespace dora {
namespace {

// All who hold an eventfd share its flags: O_NONBLOCK is a wish that any of them can undo, with the counter full or
// empty, and then the next one to ring or to empty it would hang.
bool would_go(int doorbell, short events) {
  pollfd look{doorbell, events, 0};
  return poll(&look, 1, 0) == 1 && (look.revents & events) != 0;
}

uint32_t this_core() { return static_cast<uint32_t>(sched_getcpu()); }

void wake(InboxShared* shared, int doorbell) {
  if (shared->asleep.exchange(0, std::memory_order_acq_rel) != 1) return;
  DORA_STEP("pub.doorbell");
  ring_doorbell(doorbell);
}

void notify_inbox(InboxShared* shared, uint32_t bit, int doorbell) {
  DORA_STEP("pub.ready");
  // SYNC: inbox-ready (release part) and inbox-sleep (before the load of asleep).
  shared->ready[bit / 64].fetch_or(uint64_t{1} << (bit % 64), std::memory_order_seq_cst);
  DORA_STEP("pub.asleep");
  if (shared->asleep.load(std::memory_order_seq_cst) == 0) return;
  wake(shared, doorbell);
}

}  // namespace

void ring_doorbell(int doorbell) {
  // The flag is the cheaper look; only a doorbell that somebody has tampered with needs the other.
  const int flags = fcntl(doorbell, F_GETFL);
  if ((flags < 0 || (flags & O_NONBLOCK) == 0) && !would_go(doorbell, POLLOUT)) return;
  const uint64_t one = 1;
  ssize_t n;
  do {
    n = write(doorbell, &one, sizeof one);
  } while (n < 0 && errno == EINTR);
}

void drain_doorbell(int doorbell) {
  uint64_t count;
  iovec part{&count, sizeof count};
  ssize_t n;
  do {
    n = preadv2(doorbell, &part, 1, -1, RWF_NOWAIT);
  } while (n < 0 && errno == EINTR);
  if (n >= 0 || errno == EAGAIN) return;
  // A kernel before 5.8 knows no such flag here.
  if (would_go(doorbell, POLLIN)) (void)!read(doorbell, &count, sizeof count);
}

Status Inbox::open(Fd memory, Fd doorbell, Inbox* out, Error* error) {
  if (file_size(memory.get()) < kInboxSize) return error->fail(Status::shm_corrupt, "the inbox is too small");
  if (Status s = Mapping::map(memory.get(), round_to_page(kInboxSize), true, &out->memory_, error); s != Status::ok)
    return s;
  if (out->shared()->magic != kInboxMagic) return error->fail(Status::shm_corrupt, "the inbox is none");
  out->doorbell_ = std::move(doorbell);
  return Status::ok;
}

bool Inbox::scan(uint64_t* pending) {
  bool any = false;
  for (uint32_t w = 0; w < words_; w++) {
    if (shared()->ready[w].load(std::memory_order_relaxed) == 0) continue;
    // SYNC: inbox-ready. Takes what notify() set with release order: the head it was set for is visible now.
    const uint64_t bits = shared()->ready[w].exchange(0, std::memory_order_acq_rel);
    pending[w] |= bits;
    any |= bits != 0;
  }
  return any;
}

bool Inbox::any_ready() const {
  for (uint32_t w = 0; w < words_; w++) {
    // SYNC: inbox-sleep. After set_asleep(); pairs with the fetch_or in notify().
    if (shared()->ready[w].load(std::memory_order_seq_cst) != 0) return true;
  }
  return false;
}

void Inbox::set_asleep() {
  DORA_STEP("sub.asleep");
  // Relaxed: a hint, on the line that the exchange takes anyway.
  shared()->core.store(this_core(), std::memory_order_relaxed);
  // SYNC: inbox-sleep. By exchange only; the following any_ready() is the recheck.
  shared()->asleep.exchange(1, std::memory_order_seq_cst);
  DORA_STEP("sub.recheck");
}

void Inbox::set_awake() {
  DORA_STEP("sub.woken");
  if (shared()->asleep.load(std::memory_order_relaxed) != 0) shared()->asleep.exchange(0, std::memory_order_acq_rel);
}

Status InboxPeer::open(Fd memory, Fd doorbell, uint32_t bit, InboxPeer* out, Error* error) {
  if (bit >= kMaxInputs || file_size(memory.get()) < kInboxSize)
    return error->fail(Status::shm_corrupt, "a peer's inbox is too small, or its bit too large");
  if (Status s = Mapping::map(memory.get(), round_to_page(kInboxSize), true, &out->memory_, error); s != Status::ok)
    return s;
  out->doorbell_ = std::move(doorbell);
  out->bit_ = bit;
  return Status::ok;
}

void InboxPeer::notify() { notify_inbox(reinterpret_cast<InboxShared*>(memory_.data()), bit_, doorbell_.get()); }

void InboxPeer::announce() {
  auto* shared = reinterpret_cast<InboxShared*>(memory_.data());
  if (shared->asleep.load(std::memory_order_relaxed) == 0) return;
  // On our own core it would take the place of the send that it waits for.
  if (shared->core.load(std::memory_order_relaxed) == this_core()) return;
  // A ring without a bit: the receiver looks, and before it sleeps again it says so and looks once more (SYNC:
  // inbox-sleep).
  wake(shared, doorbell_.get());
}

void Inbox::notify(uint32_t bit) { notify_inbox(shared(), bit, doorbell_.get()); }

}  // namespace dora
