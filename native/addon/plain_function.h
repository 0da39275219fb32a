// Functions that JavaScript calls once a message, made by V8 itself.
//
// Node-API's wrapper costs such a call three to six times what the call costs: scopes, a look at each argument, a value
// for the result. A plain function has no arguments (they lie in control words, control_words.h) and gives a number. A
// failure is made and thrown through Node-API as everywhere; outside of its wrapper it stays pending there, and
// throw_pending() hands it to V8. What is said about V8's ABI in lent_buffer.h holds here too.
#pragma once

#include <node_api.h>
#include <v8.h>

#include "addon/v8_values.h"
#include "addon/values.h"

namespace dora::addon {

using PlainCall = v8::FunctionCallbackInfo<v8::Value>;

/// `callback` finds `data` by plain_self().
inline void set_plain_function(napi_env env, napi_value object, const char* name, v8::FunctionCallback callback,
                               void* data) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  v8::Local<v8::Function> function;
  if (v8::Function::New(isolate->GetCurrentContext(), callback, v8::External::New(isolate, data), 0,
                        v8::ConstructorBehavior::kThrow)
          .ToLocal(&function)) {
    set_property(env, object, name, to_napi(function));
  }
}

template <class T>
T* plain_self(const PlainCall& call) {
  return static_cast<T*>(call.Data().As<v8::External>()->Value());
}

inline void throw_pending(napi_env env, const PlainCall& call) {
  napi_value exception = nullptr;
  if (napi_get_and_clear_last_exception(env, &exception) == napi_ok)
    call.GetIsolate()->ThrowException(to_local(exception));
}

}  // namespace dora::addon
