// See broker_binding.h.
#include "addon/broker_binding.h"

#include "addon/broker_values.h"
#include "addon/errors.h"

namespace dora::addon {

Napi::Function BrokerBinding::define(Napi::Env env) {
  return DefineClass(env, "NativeBroker",
                     {
                         InstanceAccessor<&BrokerBinding::socket_path>("socketPath"),
                         InstanceMethod<&BrokerBinding::add_nodes>("addNodes"),
                         InstanceMethod<&BrokerBinding::node_ended>("nodeEnded"),
                         InstanceMethod<&BrokerBinding::stop_node>("stopNode"),
                         InstanceMethod<&BrokerBinding::remove_dataflow>("removeDataflow"),
                         InstanceMethod<&BrokerBinding::next_events>("nextEvents"),
                         InstanceMethod<&BrokerBinding::counts>("counts"),
                         InstanceMethod<&BrokerBinding::bridge>("bridge"),
                         InstanceMethod<&BrokerBinding::close>("close"),
                     });
}

/// V8 keeps each class for the life of the environment, so there is one.
Napi::Value BrokerBinding::create(const Napi::CallbackInfo& info) {
  AddonState* state = addon_state(info.Env());
  if (state->broker_class == nullptr) {
    napi_create_reference(info.Env(), define(info.Env()), 1, &state->broker_class);
  }
  napi_value constructor = nullptr;
  napi_get_reference_value(info.Env(), state->broker_class, &constructor);
  return Napi::Function(info.Env(), constructor).New({info[0]});
}

BrokerBinding::BrokerBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<BrokerBinding>(info), env_(info.Env()) {
  BrokerOptions options;
  Napi::Function on_events;
  if (!read_broker_options(info[0], &options, &on_events)) return;
  napi_create_threadsafe_function(env_, on_events, nullptr, Napi::String::New(info.Env(), "dora.broker"), 0, 1, nullptr,
                                  nullptr, nullptr, call_on_events, &notify_);
  napi_unref_threadsafe_function(env_, notify_);
  options.notify = [this] { napi_call_threadsafe_function(notify_, nullptr, napi_tsfn_nonblocking); };
  Error error;
  if (Broker::create(std::move(options), &broker_, &error) != Status::ok) {
    napi_release_threadsafe_function(notify_, napi_tsfn_release);
    throw_error(info.Env(), error);
    return;
  }
  // Runs before the thread-safe function's own (last in, first out), so the broker's thread never calls a dead one.
  napi_add_env_cleanup_hook(env_, on_env_end, this);
}

BrokerBinding::~BrokerBinding() {
  if (broker_ == nullptr) return;
  napi_remove_env_cleanup_hook(env_, on_env_end, this);
  end();
}

void BrokerBinding::on_env_end(void* self) { static_cast<BrokerBinding*>(self)->end(); }

void BrokerBinding::end() {
  if (broker_ == nullptr) return;
  broker_.reset();  // joins the broker's thread
  napi_release_threadsafe_function(notify_, napi_tsfn_release);
}

/// On the JS thread. While the environment ends there may still be calls in the queue, and no JavaScript can run: those
/// are dropped.
void BrokerBinding::call_on_events(napi_env env, napi_value on_events, void*, void*) {
  if (env == nullptr || on_events == nullptr) return;
  napi_value receiver = nullptr, exception = nullptr;
  napi_get_undefined(env, &receiver);
  if (napi_call_function(env, receiver, on_events, 0, nullptr, nullptr) != napi_pending_exception) return;
  if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
}

bool BrokerBinding::closed(Napi::Env env) const {
  if (broker_ != nullptr) return false;
  throw_type_error(env, "the broker is closed");
  return true;
}

Napi::Value BrokerBinding::socket_path(const Napi::CallbackInfo& info) {
  if (closed(info.Env())) return info.Env().Undefined();
  return Napi::String::New(info.Env(), broker_->socket_path());
}

Napi::Value BrokerBinding::add_nodes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::vector<BrokerNode> nodes;
  if (closed(env) || !read_broker_nodes(info[0], &nodes)) return env.Undefined();
  std::vector<std::string> tokens;
  Error error;
  if (broker_->add_nodes(nodes, &tokens, &error) != Status::ok) {
    throw_error(env, error);
    return env.Undefined();
  }
  Napi::Array configs = Napi::Array::New(env);
  for (const std::string& token : tokens) configs.Set(configs.Length(), broker_->node_config(token));
  return configs;
}

Napi::Value BrokerBinding::node_ended(const Napi::CallbackInfo& info) {
  if (closed(info.Env())) return info.Env().Undefined();
  broker_->node_ended(info[0].ToString(), info[1].ToString(), info[2].ToBoolean(), info[3].ToBoolean());
  return info.Env().Undefined();
}

Napi::Value BrokerBinding::stop_node(const Napi::CallbackInfo& info) {
  if (closed(info.Env())) return info.Env().Undefined();
  const uint32_t reason = read_stop_reason(info[2]);
  if (reason == DORA_REASON_NONE) return info.Env().Undefined();
  const double grace_ms = info[3].ToNumber().DoubleValue();
  broker_->stop_node(info[0].ToString(), info[1].ToString(), reason, static_cast<int64_t>(grace_ms * 1e6));
  return info.Env().Undefined();
}

Napi::Value BrokerBinding::remove_dataflow(const Napi::CallbackInfo& info) {
  if (closed(info.Env())) return info.Env().Undefined();
  broker_->remove_dataflow(info[0].ToString());
  return info.Env().Undefined();
}

Napi::Value BrokerBinding::next_events(const Napi::CallbackInfo& info) {
  Napi::Array events = Napi::Array::New(info.Env());
  if (broker_ == nullptr) return events;  // a call that was under way when the broker was closed
  for (BrokerEvent event; broker_->next_event(&event);) events.Set(events.Length(), to_object(info.Env(), event));
  return events;
}

Napi::Value BrokerBinding::counts(const Napi::CallbackInfo& info) {
  if (closed(info.Env())) return info.Env().Undefined();
  Napi::Array nodes = Napi::Array::New(info.Env());
  for (const NodeCounts& node : broker_->counts(info[0].ToString()))
    nodes.Set(nodes.Length(), to_object(info.Env(), node));
  return nodes;
}

/// For another addon, which reads the pointer (dora/bridge.h). The external keeps what it points to.
Napi::Value BrokerBinding::bridge(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (closed(env)) return env.Undefined();
  using Host = std::shared_ptr<const dora_bridge_host_t>;
  auto* kept = new Host(broker_->bridge());
  auto* pointer = const_cast<dora_bridge_host_t*>(kept->get());
  const auto let_go = [](napi_env, void*, void* host) { delete static_cast<Host*>(host); };
  static constexpr napi_type_tag kTag = {DORA_BRIDGE_TAG_LOWER, DORA_BRIDGE_TAG_UPPER};
  napi_value external = nullptr;
  if (napi_create_external(env, pointer, let_go, kept, &external) != napi_ok) {
    delete kept;
    return env.Undefined();
  }
  napi_type_tag_object(env, external, &kTag);
  return {env, external};
}

Napi::Value BrokerBinding::close(const Napi::CallbackInfo& info) {
  if (broker_ != nullptr) napi_remove_env_cleanup_hook(env_, on_env_end, this);
  end();
  return info.Env().Undefined();
}

}  // namespace dora::addon
