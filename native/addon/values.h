// Conversions between JavaScript values and C++ ones for the raw Node-API parts of the addon.
//
// The calls on a message's path use Node-API directly: a function's data pointer is its binding, so nothing is
// unwrapped, and integers are read without checks that our own TypeScript makes unnecessary (a value of the wrong type
// reads as 0). Sizes and handles are checked where they are used.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace dora::addon {

/// Arguments of a call; missing ones are undefined.
template <size_t N>
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = N;
    napi_get_cb_info(env, info, &count, values_, nullptr, &data_);
  }
  napi_value operator[](size_t index) const { return values_[index]; }
  uint32_t u32(size_t index) const {
    uint32_t value = 0;
    napi_get_value_uint32(env_, values_[index], &value);
    return value;
  }
  double number(size_t index) const {
    double value = 0;
    napi_get_value_double(env_, values_[index], &value);
    return value;
  }
  /// What the function was created with.
  template <class T>
  T* self() const {
    return static_cast<T*>(data_);
  }

 private:
  napi_env env_;
  napi_value values_[N] = {};
  void* data_ = nullptr;
};

inline napi_value make_string(napi_env env, std::string_view text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}
inline napi_value make_double(napi_env env, double number) {
  napi_value value = nullptr;
  napi_create_double(env, number, &value);
  return value;
}
inline napi_value make_u32(napi_env env, uint32_t number) {
  napi_value value = nullptr;
  napi_create_uint32(env, number, &value);
  return value;
}
inline napi_value make_bool(napi_env env, bool truth) {
  napi_value value = nullptr;
  napi_get_boolean(env, truth, &value);
  return value;
}
inline napi_value make_u64(napi_env env, uint64_t number) {
  napi_value value = nullptr;
  napi_create_bigint_uint64(env, number, &value);
  return value;
}
/// Defined, not set: V8 turns an object into a dictionary when a dozen properties are set from outside, and each look
/// at one of them takes several times as long from then on.
inline void set_property(napi_env env, napi_value object, const char* name, napi_value value) {
  if (value == nullptr) return;  // what could not be made has left its exception
  const napi_property_descriptor property{name,   nullptr, nullptr, nullptr, nullptr, value, napi_default_jsproperty,
                                          nullptr};
  napi_define_properties(env, object, 1, &property);
}
inline void set_function(napi_env env, napi_value object, const char* name, napi_callback function, void* data) {
  napi_value value = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, data, &value);
  set_property(env, object, name, value);
}

/// Utf8 of a string value; empty for anything else.
inline std::string to_string(napi_env env, napi_value value) {
  size_t size = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &size) != napi_ok) return {};
  std::string text(size, '\0');
  napi_get_value_string_utf8(env, value, text.data(), size + 1, &size);
  return text;
}

}  // namespace dora::addon
