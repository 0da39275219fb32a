// A native operator scheduler as a JavaScript object (lib/native/binding.ts, NativeRuntime).
//
// startRuntime() takes a node of connectNode() that nobody has opened (NodeBinding::node_of): from then on the scheduler's threads are its consumer, and no
// message touches JavaScript. The JS thread only starts it, asks it to stop, and hears once that it has ended.
#pragma once

#include <node_api.h>

namespace dora::addon {

/// `startRuntime(node, options)`.
[[gnu::weak]] napi_value start_runtime(napi_env env, napi_callback_info info);

}  // namespace dora::addon
