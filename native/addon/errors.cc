// Native failures as JavaScript errors. See errors.h.
#include "addon/errors.h"

#include "addon/values.h"

namespace dora::addon {

AddonState* addon_state(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<AddonState*>(data);
}

napi_value set_error_factory(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  AddonState* state = addon_state(env);
  napi_valuetype type = napi_undefined;
  napi_typeof(env, args[0], &type);
  if (type != napi_function) {
    throw_type_error(env, "setErrorFactory() takes a function");
    return nullptr;
  }
  if (state->error_factory != nullptr) napi_delete_reference(env, state->error_factory);
  napi_create_reference(env, args[0], 1, &state->error_factory);
  return nullptr;
}

static napi_value plain_error(napi_env env, const Error& error) {
  napi_value result = nullptr;
  napi_create_error(env, make_string(env, status_code(error.status)), make_string(env, error.message), &result);
  return result;
}

napi_value make_error(napi_env env, const Error& error) {
  AddonState* state = addon_state(env);
  napi_value factory = nullptr;
  if (state->error_factory != nullptr) napi_get_reference_value(env, state->error_factory, &factory);
  if (factory == nullptr) return plain_error(env, error);

  napi_value failure = nullptr, receiver = nullptr, result = nullptr;
  napi_create_object(env, &failure);
  set_property(env, failure, "code", make_string(env, status_code(error.status)));
  set_property(env, failure, "message", make_string(env, error.message));
  set_property(env, failure, "hint", make_string(env, error.hint));
  set_property(env, failure, "errno", make_double(env, error.os_errno));
  set_property(env, failure, "op", make_string(env, error.op));
  napi_get_undefined(env, &receiver);
  if (napi_call_function(env, receiver, factory, 1, &failure, &result) != napi_ok) return nullptr;
  return result;
}

void throw_error(napi_env env, const Error& error) {
  if (napi_value value = make_error(env, error)) napi_throw(env, value);
}

void throw_status(napi_env env, Status status, const char* message) {
  Error error;
  error.fail(status, message);
  throw_error(env, error);
}

void throw_type_error(napi_env env, const char* message) { napi_throw_type_error(env, nullptr, message); }

}  // namespace dora::addon
