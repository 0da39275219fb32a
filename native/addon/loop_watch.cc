// The libuv handles of a node. See loop_watch.h.
#include "addon/loop_watch.h"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "addon/control_words.h"

namespace dora::addon {

namespace {

constexpr uint64_t kMostDirectNs = 1'000'000;
/// How long a message that was announced is awaited: what its sender still has to do, out of cold caches.
constexpr uint64_t kAnnouncedNs = 20'000;
/// A loop that slept for less finds its code in the caches.
constexpr uint64_t kRestMs = 2;

template <class Handle>
uv_handle_t* as_handle(Handle* handle) {
  return reinterpret_cast<uv_handle_t*>(handle);
}

}  // namespace

LoopWatch::LoopWatch(napi_env env, Node* node, int32_t* control, uint64_t spin_ns)
    : env_(env), node_(node), control_(control), spin_ns_(spin_ns) {}

Status LoopWatch::start(napi_env env, Node* node, int32_t* control, napi_value on_wake, uint64_t spin_ns,
                        LoopWatch** out, Error* error) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) {
    return error->fail(Status::internal, "this thread has no event loop", "please report this");
  }
  auto* watch = new LoopWatch(env, node, control, spin_ns);
  const Status status = watch->init(loop, on_wake, error);
  if (status != Status::ok) {
    watch->stop();
    return status;
  }
  *out = watch;
  return Status::ok;
}

Status LoopWatch::init(uv_loop_t* loop, napi_value on_wake, Error* error) {
  loop_ = loop;
  napi_create_reference(env_, on_wake, 1, &on_wake_);
  napi_value resource = nullptr, name = nullptr;
  napi_create_object(env_, &resource);
  napi_create_string_utf8(env_, "dora.node", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env_, resource, name, &context_);

  for (uv_poll_t* poll : {&doorbell_poll_, &control_poll_}) {
    const int fd = poll == &doorbell_poll_ ? node_->doorbell_fd() : node_->control_fd();
    const int failed = uv_poll_init(loop, poll, fd);
    if (failed < 0) {
      error->op = "uv_poll_init";
      error->os_errno = -failed;
      return error->fail(Status::os_error, std::string("the event loop cannot poll the node: ") + uv_strerror(failed));
    }
    poll->data = this;
    open_handles_++;
  }
  uv_prepare_init(loop, &prepare_);
  uv_check_init(loop, &check_);
  uv_idle_init(loop, &idle_);
  prepare_.data = check_.data = idle_.data = this;
  open_handles_ += 3;

  uv_poll_start(&doorbell_poll_, UV_READABLE,
                [](uv_poll_t* poll, int, int) { static_cast<LoopWatch*>(poll->data)->doorbell_readable_ = true; });
  uv_poll_start(&control_poll_, UV_READABLE,
                [](uv_poll_t* poll, int, int) { static_cast<LoopWatch*>(poll->data)->control_readable_ = true; });
  uv_prepare_start(&prepare_, [](uv_prepare_t* handle) { static_cast<LoopWatch*>(handle->data)->before_sleep(); });
  uv_check_start(&check_, [](uv_check_t* handle) { static_cast<LoopWatch*>(handle->data)->after_sleep(); });
  for (uv_handle_t* handle : {as_handle(&prepare_), as_handle(&check_), as_handle(&idle_)}) uv_unref(handle);
  ref();
  return Status::ok;
}

void LoopWatch::ref() {
  control_[control_words::kReferenced] = 1;
  uv_ref(as_handle(&doorbell_poll_));
  uv_ref(as_handle(&control_poll_));
}

void LoopWatch::unref() {
  control_[control_words::kReferenced] = 0;
  uv_unref(as_handle(&doorbell_poll_));
  uv_unref(as_handle(&control_poll_));
}

void LoopWatch::stop(void (*closed)(void*), void* data) {
  if (stopped_) return;
  stopped_ = true;
  closed_ = closed;
  closed_data_ = data;
  if (on_wake_ != nullptr) napi_delete_reference(env_, on_wake_);
  if (context_ != nullptr) napi_async_destroy(env_, context_);
  // Handles are initialised in this order, so a failed init leaves a prefix of them.
  uv_handle_t* handles[] = {as_handle(&doorbell_poll_), as_handle(&control_poll_), as_handle(&prepare_),
                            as_handle(&check_), as_handle(&idle_)};
  const int open = open_handles_;
  for (int i = 0; i < open; i++) uv_close(handles[i], on_closed);
  if (open == 0) {
    if (closed != nullptr) closed(data);
    delete this;
  }
}

void LoopWatch::on_closed(uv_handle_t* handle) {
  auto* watch = static_cast<LoopWatch*>(handle->data);
  if (--watch->open_handles_ > 0) return;
  if (watch->closed_ != nullptr) watch->closed_(watch->closed_data_);
  delete watch;
}

void LoopWatch::before_sleep() {
  before_ms_ = uv_now(loop_);
  for (uint64_t until = 0;;) {
    const int32_t waiting = control_[control_words::kWaiting];
    if (waiting == control_words::kNobody) {
      if (control_[control_words::kHolds] == 0 && control_[control_words::kReferenced] == 1) unref();
      return;
    }
    const uint64_t* mask = waiting == control_words::kMasked ? control_words::sleep_mask(control_) : nullptr;
    // Who spins reads the clock before the message comes, not while it waits.
    if (spin_ns_ > 0 && !may_call_directly(&until)) break;
    if (!spin(mask) && node_->prepare_sleep(mask)) {
      asleep_ = true;
      return;
    }
    if (spin_ns_ == 0 && !may_call_directly(&until)) break;
    call_js();
    if (stopped_) return;
  }
  pending_ = true;
  uv_idle_start(&idle_, [](uv_idle_t*) {});
}

/// False when the loop has to turn first: for immediates and timers that are due, for a consumer that has had its run,
/// and after kMostDirectNs, so that I/O waits no longer than that.
bool LoopWatch::may_call_directly(uint64_t* until) const {
  if (std::exchange(control_[control_words::kYield], 0) != 0 || uv_backend_timeout(loop_) == 0) return false;
  const uint64_t now = uv_hrtime();
  if (*until == 0) *until = now + kMostDirectNs;
  return now < *until;
}

/// Fails until the loop has polled once since start(): only then has libuv registered the descriptor.
void LoopWatch::make_edge_triggered() {
  const int fd = node_->doorbell_fd();
  epoll_event event{EPOLLIN | EPOLLET, {.fd = fd}};
  edge_triggered_ = epoll_ctl(uv_backend_fd(loop_), EPOLL_CTL_MOD, fd, &event) == 0;
}

/// True when something came. Spins only when the loop would block, and not past its next timer.
bool LoopWatch::spin(const uint64_t* mask) {
  if (spin_ns_ == 0) return false;
  const int until_timer_ms = uv_backend_timeout(loop_);
  if (until_timer_ms == 0) return false;
  const uint64_t limit = until_timer_ms < 0 ? spin_ns_ : std::min<uint64_t>(spin_ns_, until_timer_ms * 1'000'000ull);
  return node_->wait(static_cast<int64_t>(limit), limit, mask) == Status::ok;
}

void LoopWatch::after_sleep() {
  const bool tells_once = edge_triggered_;
  if (!edge_triggered_) make_edge_triggered();
  const bool woken = doorbell_readable_ || control_readable_;
  if (pending_) uv_idle_stop(&idle_);
  // Who has sent a message cleared the flag and rang once; any other ring is emptied.
  const bool rung = asleep_ && !node_->still_asleep();
  const bool by_message = tells_once && rung;
  if (asleep_ || woken) node_->awake(doorbell_readable_ && !by_message, control_readable_);
  if (rung && !control_readable_) node_->await_announced(kAnnouncedNs);
  if (uv_now(loop_) - before_ms_ >= kRestMs) control_[control_words::kRested] = 1;
  const bool something = pending_ || woken || control_[control_words::kLeakedLoans] != 0;
  asleep_ = pending_ = doorbell_readable_ = control_readable_ = false;
  if (something) call_js();
}

void LoopWatch::call_js() {
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env_, &scope) != napi_ok) return;
  napi_env env = env_;  // the call may stop() us
  napi_value function = nullptr, receiver = nullptr;
  napi_get_reference_value(env, on_wake_, &function);
  napi_get_global(env, &receiver);
  if (function != nullptr &&
      napi_make_callback(env, context_, receiver, function, 0, nullptr, nullptr) == napi_pending_exception) {
    napi_value exception = nullptr;
    napi_get_and_clear_last_exception(env, &exception);
    napi_fatal_exception(env, exception);
  }
  napi_close_handle_scope(env, scope);
}

}  // namespace dora::addon
