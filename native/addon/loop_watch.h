// A node as part of the libuv loop, with no thread of its own.
//
// The loop polls the node's two descriptors. uv_prepare runs right before the loop may block: when somebody waits, it
// spins for the configured time, then says "asleep" and looks once more (Node::prepare_sleep). If something is there,
// it calls JavaScript at once, again and again for kMostDirectNs at most; after that, or when JavaScript or a timer
// wants the loop to turn, an idle handle keeps the loop from blocking. uv_check runs after the poll: it says "awake"
// and calls JavaScript once, whatever number of descriptors woke the loop. When nobody waits the node stays "awake":
// publishers ring no bell, only control traffic and credit wake the loop, and the node does not keep the process alive,
// for nothing that comes could be taken; JavaScript calls ref() when it waits again (Control.referenced is 0).
// The doorbell is polled edge-triggered: the kernel tells of each ring once, and a wake-up needs no read to empty it.
// libuv knows no such thing, so its descriptor is changed behind its back once it has registered it. Where that is not
// done, or undone, each wake-up empties the doorbell as usual or by a second one.
// Threads: the loop's. Lifetime: stop() closes the handles; the object deletes itself when libuv has let go of them.
#pragma once

#include <node_api.h>
#include <uv.h>

#include <cstdint>

#include "node/node.h"

namespace dora::addon {

class LoopWatch {
 public:
  /// `control`: the words shared with JavaScript (lib/native/binding.ts, Control). They and `node` must outlive stop().
  static Status start(napi_env env, Node* node, int32_t* control, napi_value on_wake, uint64_t spin_ns, LoopWatch** out,
                      Error* error);
  void ref();
  /// No callback runs after this. `closed(data)`, if given, when the handles are closed.
  void stop(void (*closed)(void*) = nullptr, void* data = nullptr);

 private:
  LoopWatch(napi_env env, Node* node, int32_t* control, uint64_t spin_ns);
  Status init(uv_loop_t* loop, napi_value on_wake, Error* error);
  void unref();
  void before_sleep();
  void after_sleep();
  bool spin(const uint64_t* mask);
  bool may_call_directly(uint64_t* until) const;
  void make_edge_triggered();
  void call_js();
  static void on_closed(uv_handle_t* handle);

  napi_env env_;
  Node* node_;
  int32_t* control_;
  uint64_t spin_ns_;
  uv_loop_t* loop_ = nullptr;
  napi_ref on_wake_ = nullptr;
  napi_async_context context_ = nullptr;
  uv_poll_t doorbell_poll_{}, control_poll_{};
  uv_prepare_t prepare_{};
  uv_check_t check_{};
  uv_idle_t idle_{};
  int open_handles_ = 0;
  uint64_t before_ms_ = 0;  // when the loop came to its last poll
  bool asleep_ = false;     // prepare_sleep() said yes
  bool pending_ = false;    // it said no
  bool doorbell_readable_ = false, control_readable_ = false;
  bool stopped_ = false;
  bool edge_triggered_ = false;
  void (*closed_)(void*) = nullptr;
  void* closed_data_ = nullptr;
};

}  // namespace dora::addon
