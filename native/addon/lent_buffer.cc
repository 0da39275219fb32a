// See lent_buffer.h.
#include "addon/lent_buffer.h"

#include <cstdlib>
#include <cstring>
#include <memory>

#include "addon/v8_values.h"

namespace dora::addon {

bool in_electron(napi_env env) {
  napi_value object = nullptr;
  bool is_electron = false;
  return napi_get_global(env, &object) == napi_ok &&
         napi_get_named_property(env, object, "process", &object) == napi_ok &&
         napi_get_named_property(env, object, "versions", &object) == napi_ok &&
         napi_has_named_property(env, object, "electron", &is_electron) == napi_ok && is_electron;
}

bool can_lend(napi_env env) {
#ifdef V8_ENABLE_SANDBOX
  return false;
#endif
  const char* wish = getenv("DORA_COPY_BUFFERS");
  if ((wish != nullptr && strcmp(wish, "1") == 0) || in_electron(env)) return false;
  static uint8_t probe[8];
  napi_value buffer = nullptr;
  return napi_create_external_arraybuffer(env, probe, sizeof probe, nullptr, nullptr, &buffer) == napi_ok;
}

napi_value lend_buffer(napi_env env, void* data, size_t size, bool in_place) {
  if (!in_place) {
    napi_value buffer = nullptr;
    void* copy = nullptr;
    if (napi_create_arraybuffer(env, size, &copy, &buffer) == napi_ok && size > 0) memcpy(copy, data, size);
    return buffer;
  }
  std::shared_ptr<v8::BackingStore> store(
      v8::ArrayBuffer::NewBackingStore(data, size, v8::BackingStore::EmptyDeleter, nullptr).release());
  return to_napi(v8::ArrayBuffer::New(v8::Isolate::GetCurrent(), std::move(store)));
}

void detach_buffer(napi_value buffer) {
  if (buffer == nullptr) return;
  const v8::Local<v8::Value> value = to_local(buffer);
  if (!value->IsArrayBuffer()) return;
  // Nothing only with a key, which we never set.
  [[maybe_unused]] const v8::Maybe<bool> done = value.As<v8::ArrayBuffer>()->Detach(v8::Local<v8::Value>());
}

const void* buffer_bytes(napi_value buffer, size_t* size) {
  if (buffer == nullptr || !to_local(buffer)->IsArrayBuffer()) return nullptr;
  const v8::Local<v8::ArrayBuffer> bytes = to_local(buffer).As<v8::ArrayBuffer>();
  *size = bytes->ByteLength();
  return bytes->Data();
}

void BufferWatch::watch(napi_value buffer, void (*on_collected)(void*), void* owner) {
  on_collected_ = on_collected;
  owner_ = owner;
  buffer_.Reset(v8::Isolate::GetCurrent(), to_local(buffer).As<v8::ArrayBuffer>());
  buffer_.SetWeak(
      this,
      [](const v8::WeakCallbackInfo<BufferWatch>& info) {
        BufferWatch* self = info.GetParameter();
        self->buffer_.Reset();
        self->on_collected_(self->owner_);
      },
      v8::WeakCallbackType::kParameter);
}

napi_value BufferWatch::buffer() const {
  if (buffer_.IsEmpty()) return nullptr;
  return to_napi(buffer_.Get(v8::Isolate::GetCurrent()));
}

}  // namespace dora::addon
