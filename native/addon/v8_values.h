// V8's values as Node-API's, and back.
//
// For what is made by V8 itself because Node-API would cost too much a message: buffers over foreign memory
// (lent_buffer.h) and functions (plain_function.h). No reference is taken: a Local lives as long as its handle scope.
#pragma once

#include <node_api.h>
#include <v8.h>

#include <cstring>

namespace dora::addon {

// A napi_value is the Local that it stands for, in every version of Node.js.
static_assert(sizeof(napi_value) == sizeof(v8::Local<v8::Value>));

inline v8::Local<v8::Value> to_local(napi_value value) {
  v8::Local<v8::Value> local;
  memcpy(static_cast<void*>(&local), static_cast<const void*>(&value), sizeof local);
  return local;
}

inline napi_value to_napi(v8::Local<v8::Value> local) {
  napi_value value = nullptr;
  memcpy(static_cast<void*>(&value), static_cast<const void*>(&local), sizeof local);
  return value;
}

}  // namespace dora::addon
