// The only place that throws into JavaScript.
//
// A native failure becomes the Error that lib/native/load.ts makes of it (setErrorFactory), so that a program sees a
// DoraError with code, hint and cause; before a factory is set it is a plain Error with the same `code`. A wrong
// argument from our own TypeScript is a TypeError.
#pragma once

#include <node_api.h>

#include "core/status.h"

namespace dora::addon {

/// What this addon keeps for one environment (main thread or worker).
struct AddonState {
  napi_ref error_factory = nullptr;
  napi_ref broker_class = nullptr;  // made with the first broker
};
AddonState* addon_state(napi_env env);

/// `setErrorFactory(make)`.
napi_value set_error_factory(napi_env env, napi_callback_info info);

/// The Error for a failure, not thrown. Null with an exception pending when not even that works.
napi_value make_error(napi_env env, const Error& error);
void throw_error(napi_env env, const Error& error);
/// The same from a status that came without words.
void throw_status(napi_env env, Status status, const char* message);
void throw_type_error(napi_env env, const char* message);

}  // namespace dora::addon
