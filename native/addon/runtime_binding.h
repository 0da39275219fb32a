// A native operator runtime as a JavaScript object (lib/native/binding.ts, NativeRuntime).
//
// The runtime has threads and a node of its own; no message touches JavaScript. The JS thread tells its operators one
// by one, starts it, asks it to stop, and hears once that it has ended, through a thread-safe function that keeps the
// loop alive until then.
#pragma once

#include <napi.h>

#include <memory>

#include "operator/runtime.h"

namespace dora::addon {

class RuntimeBinding final : public Napi::ObjectWrap<RuntimeBinding> {
 public:
  explicit RuntimeBinding(const Napi::CallbackInfo& info);
  ~RuntimeBinding() override;
  RuntimeBinding(const RuntimeBinding&) = delete;
  RuntimeBinding& operator=(const RuntimeBinding&) = delete;

 private:
  friend napi_value create_runtime(napi_env env, napi_callback_info info);
  static Napi::Function define(Napi::Env env);
  static void on_env_end(void* self);
  void end();

  Napi::Value add_operator(const Napi::CallbackInfo& info);
  Napi::Value repeated_id(const Napi::CallbackInfo& info);
  Napi::Value start(const Napi::CallbackInfo& info);
  Napi::Value stop(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  napi_env env_;
  OperatorList operators_;  // until the start
  bool started_ = false;
  std::unique_ptr<Runtime> runtime_;
};

/// `createRuntime()`.
napi_value create_runtime(napi_env env, napi_callback_info info);

}  // namespace dora::addon
