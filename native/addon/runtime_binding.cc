// See runtime_binding.h.
#include "addon/runtime_binding.h"

#include <utility>

#include "addon/broker_values.h"

namespace dora::addon {
namespace {

std::vector<std::string> read_texts(Napi::Array list) {
  std::vector<std::string> texts;
  texts.reserve(list.Length());
  for (uint32_t i = 0; i < list.Length(); i++) texts.push_back(list.Get(i).ToString().Utf8Value());
  return texts;
}

/// False with a TypeError pending.
bool read_operator(Napi::Value value, OperatorSpec* spec) {
  FieldReader fields(value, "operator");
  spec->id = fields.text("id");
  spec->library = fields.text("library");
  spec->priority = static_cast<uint8_t>(fields.number("priority"));
  spec->inputs = read_texts(fields.list("inputs"));
  spec->outputs = read_texts(fields.list("outputs"));
  return !fields.failed();
}

/// On the JS thread: `onEnd(null)` or `onEnd({ code, message, hint })`.
void call_on_end(Napi::Env env, Napi::Function on_end, std::nullptr_t*, RuntimeError* why) {
  const std::unique_ptr<RuntimeError> owned(why);
  if (env == nullptr) return;  // the environment is going away
  if (why == nullptr) {
    on_end.Call({env.Null()});
    return;
  }
  Napi::Object failure = Napi::Object::New(env);
  failure.Set("code", why->code);
  failure.Set("message", why->message);
  if (!why->hint.empty()) failure.Set("hint", why->hint);
  on_end.Call({failure});
}

using OnEnd = Napi::TypedThreadSafeFunction<std::nullptr_t, RuntimeError, call_on_end>;

}  // namespace

Napi::Function RuntimeBinding::define(Napi::Env env) {
  return DefineClass(env, "NativeRuntime",
                     {
                         InstanceMethod<&RuntimeBinding::add_operator>("addOperator"),
                         InstanceMethod<&RuntimeBinding::repeated_id>("repeatedId"),
                         InstanceMethod<&RuntimeBinding::start>("start"),
                         InstanceMethod<&RuntimeBinding::stop>("stop"),
                         InstanceMethod<&RuntimeBinding::close>("close"),
                     });
}

RuntimeBinding::RuntimeBinding(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<RuntimeBinding>(info), env_(info.Env()) {}

Napi::Value RuntimeBinding::add_operator(const Napi::CallbackInfo& info) {
  OperatorSpec spec;
  if (read_operator(info[0], &spec)) operators_.add(spec);
  return info.Env().Undefined();
}

Napi::Value RuntimeBinding::repeated_id(const Napi::CallbackInfo& info) {
  const char* id = operators_.repeated_id();
  if (id == nullptr) return info.Env().Null();
  return Napi::String::New(info.Env(), id);
}

Napi::Value RuntimeBinding::start(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  FieldReader fields(info[0], "options");
  RuntimeOptions options;
  options.node.config = fields.optional_text("config");
  options.node.own_heap = true;
  options.threads = static_cast<uint32_t>(fields.number("threads"));
  const Napi::Function callback = fields.function("onEnd");
  if (fields.failed()) return env.Undefined();
  if (std::exchange(started_, true)) {
    Napi::TypeError::New(env, "this runtime was started already").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  options.operators = std::exchange(operators_, {});
  OnEnd on_end = OnEnd::New(env, callback, "dora.runtime", 1, 1);
  options.on_end = [on_end](const RuntimeError* why) mutable {
    on_end.NonBlockingCall(why == nullptr ? nullptr : new RuntimeError(*why));
    on_end.Release();
  };
  runtime_ = Runtime::start(std::move(options));
  // Runs before the thread-safe function's own (last in, first out), so the runtime's thread never calls a dead one.
  napi_add_env_cleanup_hook(env_, on_env_end, this);
  return env.Undefined();
}

RuntimeBinding::~RuntimeBinding() { end(); }

void RuntimeBinding::on_env_end(void* self) { static_cast<RuntimeBinding*>(self)->runtime_.reset(); }

/// Stops the runtime if it runs, and waits for its end.
void RuntimeBinding::end() {
  if (runtime_ == nullptr) return;
  napi_remove_env_cleanup_hook(env_, on_env_end, this);
  runtime_.reset();
}

Napi::Value RuntimeBinding::stop(const Napi::CallbackInfo& info) {
  if (runtime_ != nullptr) runtime_->stop();
  return info.Env().Undefined();
}

Napi::Value RuntimeBinding::close(const Napi::CallbackInfo& info) {
  end();
  return info.Env().Undefined();
}

napi_value create_runtime(napi_env env, napi_callback_info) { return RuntimeBinding::define(env).New({}); }

}  // namespace dora::addon
