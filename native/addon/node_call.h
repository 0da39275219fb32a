// The guard of every NativeNode call: after close() there is no node to call.
//
// lib/node refuses calls on a closed node with better words; this one keeps a mistake there from touching freed memory.
// Included by the parts of NodeBinding only.
#pragma once

#include "addon/errors.h"
#include "addon/node_binding.h"
#include "addon/values.h"

namespace dora::addon {

template <size_t N>
NodeBinding* NodeBinding::usable(napi_env env, const Arguments<N>& args) {
  auto* self = args.template self<NodeBinding>();
  if (self->node_ != nullptr) return self;
  throw_type_error(env, "the node is closed");
  return nullptr;
}

inline NodeBinding* NodeBinding::usable(const PlainCall& call) {
  auto* self = plain_self<NodeBinding>(call);
  if (self->node_ != nullptr) return self;
  throw_type_error(self->env_, "the node is closed");
  throw_pending(self->env_, call);
  return nullptr;
}

}  // namespace dora::addon
