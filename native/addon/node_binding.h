// A dora::Node as a JavaScript object (lib/native/binding.ts, NativeNode): unwrap, call, wrap.
//
// connectNode() joins and gives an object that nobody consumes yet; open() makes this thread the consumer through
// LoopWatch. Events cross in bulk: drain() fills `records` (integers)
// and `slab` (small payloads, metadata), arrays that both sides know. Payloads above Limits.copiedBytes stay in shared
// memory behind a handle and become an ArrayBuffer (lent_buffer.h) only when JavaScript asks for it.
//
// Lifetime: the binding belongs to the environment and dies with it (functions point to it), the Node dies at close().
// JavaScript gives all handles back before close(); what is left is given back here. The environment of a worker thread
// may end at any moment (terminate(), an exception): then a part of a node (Node::join_share) is left with all that it
// held, and a whole node stays as it is until the process ends.
#pragma once

#include <node_api.h>

#include <memory>
#include <vector>

#include "addon/handle_table.h"
#include "addon/lent_buffer.h"
#include "addon/loop_watch.h"
#include "addon/plain_function.h"
#include "addon/values.h"
#include "node/node.h"

namespace dora::addon {

class NodeBinding {
 public:
  /// `connectNode(config?)`.
  static napi_value connect(napi_env env, napi_callback_info info);
  /// `connectPart(key)`.
  static napi_value connect_part(napi_env env, napi_callback_info info);

 private:
  struct LoanEntry {
    Loan loan;
    // Until the buffer is detached. Collected before that: the loan is given back, and Control.leakedLoans says so.
    BufferWatch net;
    NodeBinding* owner = nullptr;
    uint32_t handle = 0;
  };

  NodeBinding(napi_env env, std::unique_ptr<Node> node);
  ~NodeBinding();

 public:
  NodeBinding(const NodeBinding&) = delete;
  NodeBinding& operator=(const NodeBinding&) = delete;

 private:
  static napi_value bind(napi_env env, std::unique_ptr<Node> node);
  napi_value wrap();
  void add_info(napi_value object);
  template <class T>
  T* add_array(napi_value object, const char* name, napi_typedarray_type type, size_t length);
  /// The binding of a call when its node is open for calls; null with an error pending.
  template <size_t N>
  static NodeBinding* usable(napi_env env, const Arguments<N>& args);
  /// The same for a call by V8, with the error thrown.
  static NodeBinding* usable(const PlainCall& call);
  bool known_output(uint32_t output);
  bool known_input(uint32_t input);

  // life (node_binding.cc)
  static napi_value open(napi_env env, napi_callback_info info);
  static napi_value close(napi_env env, napi_callback_info info);
  static napi_value started(napi_env env, napi_callback_info info);
  static napi_value ref(napi_env env, napi_callback_info info);
  static napi_value share(napi_env env, napi_callback_info info);
  static napi_value take_back(napi_env env, napi_callback_info info);
  /// `detach`: JavaScript may still see the memory of loans.
  void release_everything(bool detach);
  static void cleanup(napi_async_cleanup_hook_handle hook, void* data);

  // figures (node_binding.cc)
  static napi_value received(napi_env env, napi_callback_info info);
  static napi_value dropped(napi_env env, napi_callback_info info);
  static napi_value input_open(napi_env env, napi_callback_info info);
  static napi_value sent(napi_env env, napi_callback_info info);
  static napi_value subscribers(napi_env env, napi_callback_info info);
  static napi_value now_ns(napi_env env, napi_callback_info info);

  // taking (node_take.cc)
  void add_taking(napi_value object);
  static napi_value drain(napi_env env, napi_callback_info info);
  static void take_one(const PlainCall& call);
  static napi_value recv_sync(napi_env env, napi_callback_info info);
  static napi_value event_error(napi_env env, napi_callback_info info);
  static void view(const PlainCall& call);
  static napi_value release(napi_env env, napi_callback_info info);
  static napi_value detach(napi_env env, napi_callback_info info);
  uint32_t drain_events(uint32_t max, const uint64_t* mask, bool append);
  void write_record(const Event& event);
  uint32_t write_stop();
  void write_payload(const Sample& sample, int32_t* record);
  uint32_t copy_to_slab(const uint8_t* data, uint32_t size);

  // publishing (node_send.cc)
  void add_publishing(napi_value object);
  static napi_value send(napi_env env, napi_callback_info info);
  static void send_scratch(const PlainCall& call);
  static napi_value send_sync(napi_env env, napi_callback_info info);
  static napi_value loan(napi_env env, napi_callback_info info);
  static napi_value loan_view(napi_env env, napi_callback_info info);
  static void send_loan(const PlainCall& call);
  static napi_value discard_loan(napi_env env, napi_callback_info info);
  static napi_value has_room(napi_env env, napi_callback_info info);
  static napi_value announce(napi_env env, napi_callback_info info);
  static napi_value close_output(napi_env env, napi_callback_info info);
  static napi_value request_stop(napi_env env, napi_callback_info info);
  napi_value view_loan(LoanEntry* entry);
  static void leaked_loan(void* entry);
  bool payload(napi_value data, uint32_t size, const void** bytes);
  SendArgs send_args(uint32_t encoding, uint32_t metadata_size, bool arm) const;
  /// The arguments of a plain function.
  uint32_t word(uint32_t at) const;
  SendArgs send_args_of_words() const;
  void return_status(const PlainCall& call, Status status, const Error& error);
  napi_value sent_status(Status status, const Error& error);
  Status or_give_up(Status status, uint32_t output, bool arm) const;

  napi_env env_;
  std::unique_ptr<Node> node_;
  const bool in_place_;  // buffers may lie over memory that is not V8's
  LoopWatch* watch_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;

  // Memory of typed arrays that `arrays_` keeps alive.
  napi_ref arrays_ = nullptr;
  int32_t* control_ = nullptr;
  int32_t* records_ = nullptr;
  uint8_t* slab_ = nullptr;
  uint8_t* scratch_ = nullptr;
  uint8_t* metadata_scratch_ = nullptr;

  uint32_t record_count_ = 0;
  uint32_t slab_used_ = 0;
  Event event_;                // reused: it has strings
  std::vector<Error> errors_;  // of the last drain, by record
  HandleTable<Sample> samples_;
  HandleTable<LoanEntry> loans_;
};

}  // namespace dora::addon
