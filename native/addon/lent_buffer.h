// ArrayBuffers over memory that JavaScript does not own: received payloads, loans.
//
// By V8 itself, because Node-API's external buffer is a tracked node::Buffer: some microseconds to make, and a task for
// the event loop (a system call and one more turn) for each that is detached. Here a buffer is an object and a
// BackingStore without deleter, which V8 also does not count as memory that a collection could give back: a stream of
// megabytes causes no major one. Whoever lends must detach before the memory goes.
// Where the runtime refuses foreign memory (Electron, any V8 with a sandbox) the buffers are copies, and
// DORA_COPY_BUFFERS=1 makes them so anywhere. That must be known beforehand: a BackingStore outside its sandbox is V8's
// end of the process. module.cc refuses to load into another runtime or major version than it was compiled for, since
// V8 has no stable ABI. Threads: the JS thread of the environment.
#pragma once

#include <node_api.h>
#include <v8.h>

#include <cstddef>

namespace dora::addon {

/// Whether this is Electron's Node.js, by process.versions.
bool in_electron(napi_env env);
/// Whether foreign memory may be wrapped here, and nobody wished for copies. Constant in a process.
bool can_lend(napi_env env);

/// A buffer over `data`, or a copy of it when `in_place` is false. Null with an exception pending when V8 has no
/// memory.
napi_value lend_buffer(napi_env env, void* data, size_t size, bool in_place);
/// Ends every view of it. Anything that is no ArrayBuffer is left alone.
void detach_buffer(napi_value buffer);
/// Where the bytes of a buffer that was a copy lie; null for anything else.
const void* buffer_bytes(napi_value buffer, size_t* size);

/// A net under a buffer that must not be collected before it was detached: then the buffer and every view of it are
/// unreachable, and `on_collected(owner)` runs, which must not call JavaScript. Its address must not change while it
/// watches.
class BufferWatch {
 public:
  BufferWatch() = default;
  BufferWatch(const BufferWatch&) = delete;
  BufferWatch& operator=(const BufferWatch&) = delete;
  ~BufferWatch() = default;

  void watch(napi_value buffer, void (*on_collected)(void*), void* owner);
  void forget() { buffer_.Reset(); }
  /// The buffer that is watched, in the current handle scope; null when there is none.
  napi_value buffer() const;

 private:
  v8::Global<v8::ArrayBuffer> buffer_;
  void (*on_collected_)(void*) = nullptr;
  void* owner_ = nullptr;
};

}  // namespace dora::addon
