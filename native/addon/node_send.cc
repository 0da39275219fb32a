// Publishing through a NativeNode. See node_binding.h.
//
// A payload comes as a Uint8Array or lies in the scratch memory; metadata always lies in the metadata scratch, encoded.
// A loan's buffer is detached before it is published, so that no JavaScript can write under its readers.
#include <time.h>

#include <algorithm>
#include <cstring>

#include "addon/control_words.h"
#include "addon/node_call.h"

namespace dora::addon {

using namespace control_words;

namespace {

int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

void NodeBinding::add_publishing(napi_value object) {
  const std::pair<const char*, napi_callback> functions[] = {
      {"send", send},          {"sendSync", send_sync},       {"loan", loan},
      {"loanView", loan_view}, {"discardLoan", discard_loan}, {"hasRoom", has_room},
      {"announce", announce},  {"closeOutput", close_output}, {"requestStop", request_stop},
  };
  for (const auto& [name, function] : functions) set_function(env_, object, name, function, this);
  set_plain_function(env_, object, "sendScratch", send_scratch, this);
  set_plain_function(env_, object, "sendLoan", send_loan, this);
}

/// The bytes of a payload argument: a Uint8Array, or null for the scratch memory. False with an error pending.
bool NodeBinding::payload(napi_value data, uint32_t size, const void** bytes) {
  size_t length = 0;
  void* memory = nullptr;
  if (napi_get_typedarray_info(env_, data, nullptr, &length, &memory, nullptr, nullptr) != napi_ok) {
    memory = scratch_;
    length = kSmallBytes;
  }
  if (size > length) {
    throw_type_error(env_, "send(): more bytes than there are");
    return false;
  }
  *bytes = memory;
  return true;
}

SendArgs NodeBinding::send_args(uint32_t encoding, uint32_t metadata_size, bool arm) const {
  SendArgs args;
  args.encoding = static_cast<uint16_t>(encoding);
  args.metadata = metadata_scratch_;
  args.metadata_size = std::min<uint32_t>(metadata_size, DORA_MAX_METADATA);
  args.arm = arm;
  return args;
}

napi_value NodeBinding::sent_status(Status status, const Error& error) {
  if (static_cast<int32_t>(status) >= 0) return make_u32(env_, static_cast<uint32_t>(status));
  throw_error(env_, error);
  return nullptr;
}

/// A node that is stopping does not wait for room: nobody is sure to make any. Then the status is `timeout`.
Status NodeBinding::or_give_up(Status status, uint32_t output, bool arm) const {
  if (status != Status::would_block || !arm || !node_->stopping()) return status;
  node_->stop_waiting(output);
  return Status::timeout;
}

napi_value NodeBinding::send(napi_env env, napi_callback_info info) {
  Arguments<6> args(env, info);
  NodeBinding* self = usable(env, args);
  const void* bytes = nullptr;
  const uint32_t output = args.u32(0), size = args.u32(2);
  if (self == nullptr || !self->known_output(output) || !self->payload(args[1], size, &bytes)) return nullptr;
  Error error;
  const SendArgs how = self->send_args(args.u32(3), args.u32(4), (args.u32(5) & kFlagArm) != 0);
  const Status status = self->node_->send_copy(output, bytes, size, how, nullptr, &error);
  return self->sent_status(self->or_give_up(status, output, how.arm), error);
}

void NodeBinding::send_scratch(const PlainCall& call) {
  NodeBinding* self = usable(call);
  if (self == nullptr) return;
  const uint32_t output = self->word(kSendOutput), size = self->word(kSendBytes);
  if (!self->known_output(output)) return throw_pending(self->env_, call);
  if (size > kSmallBytes) {
    throw_type_error(self->env_, "sendScratch(): more bytes than there are");
    return throw_pending(self->env_, call);
  }
  Error error;
  const SendArgs how = self->send_args_of_words();
  const Status sent = self->node_->send_copy(output, self->scratch_, size, how, nullptr, &error);
  self->return_status(call, self->or_give_up(sent, output, how.arm), error);
}

uint32_t NodeBinding::word(uint32_t at) const { return static_cast<uint32_t>(control_[at]); }

SendArgs NodeBinding::send_args_of_words() const {
  return send_args(word(kSendEncoding), word(kSendMetadata), (word(kSendFlags) & kFlagArm) != 0);
}

void NodeBinding::return_status(const PlainCall& call, Status status, const Error& error) {
  if (static_cast<int32_t>(status) >= 0) return call.GetReturnValue().Set(static_cast<uint32_t>(status));
  throw_error(env_, error);
  throw_pending(env_, call);
}

napi_value NodeBinding::send_sync(napi_env env, napi_callback_info info) {
  Arguments<7> args(env, info);
  NodeBinding* self = usable(env, args);
  const void* bytes = nullptr;
  const uint32_t output = args.u32(0), size = args.u32(2);
  if (self == nullptr || !self->known_output(output) || !self->payload(args[1], size, &bytes)) return nullptr;
  const SendArgs how = self->send_args(args.u32(3), args.u32(4), true);
  bool goes_on = false;
  napi_get_value_bool(env, args[6], &goes_on);
  const double timeout_ms = args.number(5);
  const int64_t deadline = timeout_ms < 0 ? -1 : monotonic_ns() + static_cast<int64_t>(timeout_ms * 1e6);
  Error error;
  for (;;) {
    const Status status = self->node_->send_copy(output, bytes, size, how, nullptr, &error);
    if (status != Status::would_block) return self->sent_status(status, error);
    const int64_t left = deadline < 0 ? -1 : std::max<int64_t>(deadline - monotonic_ns(), 0);
    // A node that is stopping does not wait: nobody got it.
    const bool late = left == 0;
    if (!late && self->node_->wait_room(left) != Status::ended) continue;
    if (!late || !goes_on) self->node_->stop_waiting(output);
    return self->sent_status(late ? Status::timeout : Status::would_block, error);
  }
}

// ---- loans ----------------------------------------------------------------------------------------------------------

napi_value NodeBinding::loan(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr || !self->known_output(args.u32(0))) return nullptr;
  Loan loan;
  Error error;
  if (self->node_->loan(args.u32(0), args.u32(1), &loan, &error) != Status::ok) {
    throw_error(env, error);
    return nullptr;
  }
  uint32_t handle = 0;
  LoanEntry* entry = self->loans_.add(&handle);
  entry->loan = loan;
  entry->owner = self;
  entry->handle = handle;
  self->control_[kHandle] = static_cast<int32_t>(handle);
  return self->view_loan(entry);
}

napi_value NodeBinding::view_loan(LoanEntry* entry) {
  napi_value buffer = lend_buffer(env_, entry->loan.data, entry->loan.capacity, in_place_);
  if (buffer != nullptr) entry->net.watch(buffer, leaked_loan, entry);
  return buffer;
}

/// Within a garbage collection: no JavaScript. LoopWatch calls lib/node for the words.
void NodeBinding::leaked_loan(void* data) {
  auto* entry = static_cast<LoanEntry*>(data);
  NodeBinding* self = entry->owner;
  self->node_->discard(&entry->loan);
  self->loans_.remove(entry->handle);
  self->control_[kLeakedLoans]++;
}

napi_value NodeBinding::loan_view(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr) return nullptr;
  LoanEntry* entry = self->loans_.get(args.u32(0));
  if (entry != nullptr) return self->view_loan(entry);
  throw_type_error(env, "loanView(): this loan is gone");
  return nullptr;
}

void NodeBinding::send_loan(const PlainCall& call) {
  NodeBinding* self = usable(call);
  if (self == nullptr) return;
  const uint32_t handle = self->word(kHandle), bytes = self->word(kSendBytes);
  LoanEntry* entry = self->loans_.get(handle);
  if (entry == nullptr || bytes > entry->loan.capacity) {
    throw_type_error(self->env_, "sendLoan(): this loan is gone, or smaller");
    return throw_pending(self->env_, call);
  }
  entry->loan.size = bytes;
  self->node_->fetch_for_send(entry->loan);
  entry->net.forget();
  napi_value buffer = to_napi(call[0]);
  size_t size = 0;
  const void* written = self->in_place_ ? nullptr : buffer_bytes(buffer, &size);
  if (written != nullptr) memcpy(entry->loan.data, written, std::min<size_t>(size, entry->loan.size));
  detach_buffer(buffer);
  Error error;
  const SendArgs how = self->send_args_of_words();
  const uint32_t output = entry->loan.output;
  const Status status = self->node_->send(&entry->loan, how, nullptr, &error);
  if (status == Status::ok) self->loans_.remove(handle);
  self->return_status(call, self->or_give_up(status, output, how.arm), error);
}

napi_value NodeBinding::discard_loan(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr) return nullptr;
  LoanEntry* entry = self->loans_.get(args.u32(0));
  if (entry == nullptr) {
    throw_type_error(env, "discardLoan(): this loan is gone");
    return nullptr;
  }
  entry->net.forget();
  detach_buffer(args[1]);
  self->node_->discard(&entry->loan);
  self->loans_.remove(entry->handle);
  return nullptr;
}

// ---- control --------------------------------------------------------------------------------------------------------

napi_value NodeBinding::has_room(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr || !self->known_output(args.u32(0))) return nullptr;
  return make_bool(env, self->node_->has_room(args.u32(0)));
}

napi_value NodeBinding::announce(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr) return nullptr;
  self->node_->announce(args.u32(0));
  return nullptr;
}

napi_value NodeBinding::close_output(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr || !self->known_output(args.u32(0))) return nullptr;
  const Status status = self->node_->close_output(args.u32(0));
  if (static_cast<int32_t>(status) < 0) throw_status(env, status, "the output could not be closed");
  return nullptr;
}

napi_value NodeBinding::request_stop(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr) return nullptr;
  const Status status = self->node_->request_stop();
  if (static_cast<int32_t>(status) < 0) throw_status(env, status, "the daemon could not be asked to stop the dataflow");
  return nullptr;
}

}  // namespace dora::addon
