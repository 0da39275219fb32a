// Life and figures of a NativeNode. See node_binding.h.
#include "addon/node_binding.h"

#include <mutex>
#include <utility>

#include "addon/control_words.h"
#include "addon/errors.h"
#include "addon/node_call.h"
#include "node/fault_handler.h"

namespace dora::addon {

namespace {

// Across all environments: the node that some thread has joined as, until it was closed.
std::mutex whole_lock;
std::string whole_id;
bool whole_there = false;

/// False with an error pending when the process is a node already.
bool claim_process(napi_env env) {
  std::lock_guard guard(whole_lock);
  if (!std::exchange(whole_there, true)) return true;
  Error error;
  error.fail(Status::already_connected, "another thread of this process is node \"" + whole_id + "\" already",
             "A process has one node: let that thread share() inputs and outputs, and connect to them here by "
             "Node.connect({ parent }).");
  throw_error(env, error);
  return false;
}

void name_process(const std::string& id) {
  std::lock_guard guard(whole_lock);
  whole_id = id;
}

void let_go_of_process() {
  std::lock_guard guard(whole_lock);
  whole_there = false;
}

std::vector<uint32_t> read_indices(napi_env env, napi_value value) {
  size_t length = 0;
  void* data = nullptr;
  napi_typedarray_type type = napi_int8_array;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint32_array)
    return {};
  const auto* numbers = static_cast<const uint32_t*>(data);
  return {numbers, numbers + length};
}

}  // namespace

napi_value NodeBinding::connect(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  if (!claim_process(env)) return nullptr;
  NodeOptions options;
  options.config = to_string(env, args[0]);
  options.own_heap = true;
  std::unique_ptr<Node> node;
  Error error;
  if (Node::connect(options, &node, &error) != Status::ok) {
    let_go_of_process();
    throw_error(env, error);
    return nullptr;
  }
  name_process(node->id());
  return bind(env, std::move(node));
}

napi_value NodeBinding::connect_part(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  std::unique_ptr<Node> node;
  switch (Node::join_share(static_cast<uint64_t>(args.number(0)), &node)) {
    case Status::ok: return bind(env, std::move(node));
    case Status::ended: return make_string(env, "closed");
    case Status::would_block: return make_string(env, "inUse");
    default: return make_string(env, "unknown");
  }
}

napi_value NodeBinding::bind(napi_env env, std::unique_ptr<Node> node) {
  install_fault_handler("`const mine = event.copy()`");
  auto* binding = new NodeBinding(env, std::move(node));
  napi_add_async_cleanup_hook(env, cleanup, binding, &binding->hook_);
  return binding->wrap();
}

NodeBinding::NodeBinding(napi_env env, std::unique_ptr<Node> node)
    : env_(env), node_(std::move(node)), in_place_(can_lend(env)) {}

NodeBinding::~NodeBinding() {
  if (node_ != nullptr && !node_->is_whole()) {
    release_everything(false);
    return;
  }
  // Kept, not lost: see cleanup().
  [[maybe_unused]] Node* kept = node_.release();
}

/// The environment ends: let go of the loop. A whole node that was not closed stays as it is until the process is gone:
/// its destructor would say Bye, and whether this end is an orderly one is lib/node's decision, which has been made. No
/// JavaScript runs any more, so what a part lent to it can be given back as it is.
void NodeBinding::cleanup(napi_async_cleanup_hook_handle hook, void* data) {
  auto* binding = static_cast<NodeBinding*>(data);
  const auto finish = [](void* owner) {
    auto* ended = static_cast<NodeBinding*>(owner);
    napi_async_cleanup_hook_handle own_hook = ended->hook_;
    delete ended;
    napi_remove_async_cleanup_hook(own_hook);
  };
  binding->hook_ = hook;
  if (binding->watch_ == nullptr) return finish(binding);
  LoopWatch* watch = binding->watch_;
  binding->watch_ = nullptr;
  watch->stop(finish, binding);
}

template <class T>
T* NodeBinding::add_array(napi_value object, const char* name, napi_typedarray_type type, size_t length) {
  napi_value buffer = nullptr, array = nullptr;
  void* data = nullptr;
  napi_create_arraybuffer(env_, length * sizeof(T), &data, &buffer);
  napi_create_typedarray(env_, type, length, buffer, 0, &array);
  set_property(env_, object, name, array);
  return static_cast<T*>(data);
}

napi_value NodeBinding::wrap() {
  napi_value object = nullptr, arrays = nullptr;
  napi_create_object(env_, &object);
  napi_wrap(env_, object, this, nullptr, nullptr, nullptr);
  add_info(object);

  control_ = add_array<int32_t>(object, "control", napi_int32_array, control_words::kControlWords);
  records_ = add_array<int32_t>(object, "records", napi_int32_array, control_words::kRecords * control_words::kStride);
  slab_ = add_array<uint8_t>(object, "slab", napi_uint8_array, control_words::kSlabBytes);
  scratch_ = add_array<uint8_t>(object, "scratch", napi_uint8_array, control_words::kSmallBytes);
  metadata_scratch_ = add_array<uint8_t>(object, "metadataScratch", napi_uint8_array, DORA_MAX_METADATA);
  // The object may be collected before the binding: the arrays' memory may not.
  napi_create_array(env_, &arrays);
  uint32_t index = 0;
  for (const char* name : {"control", "records", "slab", "scratch", "metadataScratch"}) {
    napi_value array = nullptr;
    napi_get_named_property(env_, object, name, &array);
    napi_set_element(env_, arrays, index++, array);
  }
  napi_create_reference(env_, arrays, 1, &arrays_);

  const std::pair<const char*, napi_callback> functions[] = {
      {"open", open},
      {"ref", ref},
      {"started", started},
      {"close", close},
      {"received", received},
      {"dropped", dropped},
      {"inputOpen", input_open},
      {"sent", sent},
      {"subscribers", subscribers},
      {"nowNs", now_ns},
      {"share", share},
      {"takeBack", take_back},
  };
  for (const auto& [name, function] : functions) set_function(env_, object, name, function, this);
  add_taking(object);
  add_publishing(object);
  return object;
}

void NodeBinding::add_info(napi_value object) {
  napi_value info = nullptr, inputs = nullptr, outputs = nullptr;
  napi_create_object(env_, &info);
  set_property(env_, info, "id", make_string(env_, node_->id()));
  set_property(env_, info, "dataflow", make_string(env_, node_->dataflow()));
  set_property(env_, info, "restartCount", make_u32(env_, node_->restart_count()));
  napi_create_array(env_, &inputs);
  for (const InputInfo& input : node_->inputs()) {
    static constexpr const char* kKinds[] = {"edge", "timer", "local"};
    napi_value entry = nullptr;
    napi_create_object(env_, &entry);
    set_property(env_, entry, "id", make_string(env_, input.id));
    set_property(env_, entry, "source", make_string(env_, input.source));
    set_property(env_, entry, "kind", make_string(env_, kKinds[static_cast<size_t>(input.kind)]));
    const auto index = static_cast<uint32_t>(&input - node_->inputs().data());
    set_property(env_, entry, "here", make_bool(env_, node_->has_input(index)));
    napi_set_element(env_, inputs, index, entry);
  }
  napi_create_array(env_, &outputs);
  for (const OutputInfo& output : node_->outputs()) {
    napi_value entry = nullptr;
    napi_create_object(env_, &entry);
    set_property(env_, entry, "id", make_string(env_, output.id));
    const auto index = static_cast<uint32_t>(&output - node_->outputs().data());
    set_property(env_, entry, "here", make_bool(env_, node_->has_output(index)));
    napi_set_element(env_, outputs, index, entry);
  }
  set_property(env_, info, "inputs", inputs);
  set_property(env_, info, "outputs", outputs);
  set_property(env_, object, "info", info);
}

// ---- life -----------------------------------------------------------------------------------------------------------

napi_value NodeBinding::open(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr) return nullptr;
  napi_valuetype type = napi_undefined;
  napi_typeof(env, args[0], &type);
  if (self->watch_ != nullptr || type != napi_function) {
    throw_type_error(env, "open() takes a function, once");
    return nullptr;
  }
  Error error;
  const auto spin_ns = static_cast<uint64_t>(args.number(1) * 1000);
  if (LoopWatch::start(env, self->node_.get(), self->control_, args[0], spin_ns, &self->watch_, &error) != Status::ok) {
    throw_error(env, error);
  }
  return nullptr;
}

napi_value NodeBinding::ref(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self != nullptr && self->watch_ != nullptr) self->watch_->ref();
  return nullptr;
}

napi_value NodeBinding::started(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  NodeBinding* self = usable(env, args);
  return self == nullptr ? nullptr : make_bool(env, self->node_->started());
}

napi_value NodeBinding::close(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  auto* self = args.self<NodeBinding>();
  if (self->node_ == nullptr) return nullptr;
  if (self->watch_ != nullptr) self->watch_->stop();
  self->watch_ = nullptr;
  self->release_everything(true);
  self->node_->close();
  if (self->node_->is_whole()) let_go_of_process();
  self->node_.reset();
  return nullptr;
}

napi_value NodeBinding::share(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr) return nullptr;
  uint64_t key = 0;
  Error error;
  if (self->node_->share(read_indices(env, args[0]), read_indices(env, args[1]), &key, &error) != Status::ok) {
    throw_error(env, error);
    return nullptr;
  }
  return make_double(env, static_cast<double>(key));
}

napi_value NodeBinding::take_back(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr) return nullptr;
  return make_bool(env, self->node_->take_back(static_cast<uint64_t>(args.number(0))) == Status::ok);
}

void NodeBinding::release_everything(bool detach) {
  if (node_ == nullptr) return;
  samples_.remove_all([this](const Sample& sample) { node_->release(sample); });
  loans_.remove_all([this, detach](LoanEntry& entry) {
    if (detach) detach_buffer(entry.net.buffer());
    entry.net.forget();
    node_->discard(&entry.loan);
  });
}

// ---- figures --------------------------------------------------------------------------------------------------------

bool NodeBinding::known_input(uint32_t input) {
  if (input < node_->inputs().size()) return true;
  throw_type_error(env_, "no such input");
  return false;
}

bool NodeBinding::known_output(uint32_t output) {
  if (output < node_->outputs().size()) return true;
  throw_type_error(env_, "no such output");
  return false;
}

napi_value NodeBinding::received(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr || !self->known_input(args.u32(0))) return nullptr;
  return make_u64(env, self->node_->received(args.u32(0)));
}

napi_value NodeBinding::dropped(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr || !self->known_input(args.u32(0))) return nullptr;
  return make_u64(env, self->node_->dropped(args.u32(0)));
}

napi_value NodeBinding::input_open(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr || !self->known_input(args.u32(0))) return nullptr;
  return make_bool(env, self->node_->input_open(args.u32(0)));
}

napi_value NodeBinding::sent(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr || !self->known_output(args.u32(0))) return nullptr;
  return make_u64(env, self->node_->sent(args.u32(0)));
}

napi_value NodeBinding::subscribers(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr || !self->known_output(args.u32(0))) return nullptr;
  return make_u32(env, self->node_->subscribers(args.u32(0)));
}

napi_value NodeBinding::now_ns(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  NodeBinding* self = usable(env, args);
  return self == nullptr ? nullptr : make_u64(env, self->node_->now_ns());
}

}  // namespace dora::addon
