// A dora::Broker as a JavaScript object (lib/native/binding.ts, NativeBroker).
//
// The broker has a thread of its own; when it has events it calls `onEvents` on the JS thread through a thread-safe
// function, which does not keep the process alive (the daemon's children and sockets do). Nothing here is on a
// message's path.
#pragma once

#include <napi.h>

#include <memory>

#include "broker/broker.h"

namespace dora::addon {

class BrokerBinding final : public Napi::ObjectWrap<BrokerBinding> {
 public:
  /// `createBroker(options)`.
  static Napi::Value create(const Napi::CallbackInfo& info);
  explicit BrokerBinding(const Napi::CallbackInfo& info);
  ~BrokerBinding() override;
  BrokerBinding(const BrokerBinding&) = delete;
  BrokerBinding& operator=(const BrokerBinding&) = delete;

 private:
  static Napi::Function define(Napi::Env env);
  bool closed(Napi::Env env) const;
  void end();
  static void on_env_end(void* self);
  static void call_on_events(napi_env env, napi_value on_events, void* context, void* data);

  Napi::Value socket_path(const Napi::CallbackInfo& info);
  Napi::Value add_nodes(const Napi::CallbackInfo& info);
  Napi::Value node_ended(const Napi::CallbackInfo& info);
  Napi::Value stop_node(const Napi::CallbackInfo& info);
  Napi::Value remove_dataflow(const Napi::CallbackInfo& info);
  Napi::Value next_events(const Napi::CallbackInfo& info);
  Napi::Value counts(const Napi::CallbackInfo& info);
  Napi::Value bridge(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  napi_env env_;
  std::unique_ptr<Broker> broker_;
  napi_threadsafe_function notify_ = nullptr;
};

}  // namespace dora::addon
