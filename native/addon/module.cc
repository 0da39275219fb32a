// The addon dora_native: what lib/native/binding.ts declares as NativeModule, and nothing else.
//
// Each binding has its files: node_*.cc (the node, raw Node-API for speed), broker_*.cc, runtime_binding.cc; errors.cc
// alone throws failures.
#include <napi.h>
#include <node_version.h>

#include "addon/broker_binding.h"
#include "addon/errors.h"
#include "addon/lent_buffer.h"
#include "addon/node_binding.h"
#include "addon/runtime_binding.h"
#include "addon/values.h"

// Electron's headers define this, and a V8 of another layout than that of Node.js with the same number.
#ifdef USING_ELECTRON_CONFIG_GYPI
#define DORA_RUNTIME "Electron with Node.js "
constexpr bool kForElectron = true;
#else
#define DORA_RUNTIME "Node.js "
constexpr bool kForElectron = false;
#endif

/// lent_buffer.cc uses V8, whose ABI goes with the runtime and its major version. load.ts says how to build again.
static bool is_built_for(napi_env env) {
  const napi_node_version* running = nullptr;
  napi_get_node_version(env, &running);
  return running != nullptr && running->major == NODE_MAJOR_VERSION && dora::addon::in_electron(env) == kForElectron;
}

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  if (!is_built_for(env)) {
    napi_throw_error(env, nullptr, "it was compiled for " DORA_RUNTIME NODE_STRINGIFY(NODE_MAJOR_VERSION));
    return exports;
  }
  auto* state = new dora::addon::AddonState();
  napi_set_instance_data(
      env, state, [](napi_env, void* data, void*) { delete static_cast<dora::addon::AddonState*>(data); }, nullptr);
  dora::addon::set_function(env, exports, "setErrorFactory", dora::addon::set_error_factory, nullptr);
  dora::addon::set_function(env, exports, "connectNode", dora::addon::NodeBinding::connect, nullptr);
  dora::addon::set_function(env, exports, "connectPart", dora::addon::NodeBinding::connect_part, nullptr);
  exports.Set("createBroker", Napi::Function::New<dora::addon::BrokerBinding::create>(env, "createBroker"));
  dora::addon::set_function(env, exports, "createRuntime", dora::addon::create_runtime, nullptr);
  return exports;
}

NODE_API_MODULE(dora_native, init)
