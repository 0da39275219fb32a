// Taking events and lending payloads of a NativeNode. See node_binding.h.
//
// A small payload is copied into the slab and its slot released in the same call; a large one stays where its publisher
// wrote it, behind a handle, until release(). Metadata is always copied: what is parsed must not change under the
// parser.
#include <time.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "addon/control_words.h"
#include "addon/node_call.h"
#include "addon/term_signal.h"

namespace dora::addon {

using namespace control_words;

namespace {

/// Good to a few milliseconds and ten times cheaper than the exact one.
int32_t coarse_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<int32_t>(
      (static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000) & 0x7fffffff);
}

void put_u64(int32_t* low, uint64_t value) {
  low[0] = static_cast<int32_t>(static_cast<uint32_t>(value));
  low[1] = static_cast<int32_t>(static_cast<uint32_t>(value >> 32));
}

int32_t saturate(uint64_t value) {
  return static_cast<int32_t>(std::min<uint64_t>(value, std::numeric_limits<int32_t>::max()));
}

}  // namespace

void NodeBinding::add_taking(napi_value object) {
  const std::pair<const char*, napi_callback> functions[] = {
      {"drain", drain}, {"recvSync", recv_sync}, {"eventError", event_error}, {"release", release}, {"detach", detach},
  };
  for (const auto& [name, function] : functions) set_function(env_, object, name, function, this);
  set_plain_function(env_, object, "takeOne", take_one, this);
  set_plain_function(env_, object, "view", view, this);
}

void NodeBinding::take_one(const PlainCall& call) {
  NodeBinding* self = usable(call);
  if (self != nullptr) call.GetReturnValue().Set(self->drain_events(1, nullptr, false));
}

napi_value NodeBinding::drain(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr) return nullptr;
  const uint32_t flags = args.u32(1);
  const uint64_t* mask = (flags & kFlagMasked) != 0 ? take_mask(self->control_) : nullptr;
  return make_u32(env, self->drain_events(args.u32(0), mask, (flags & kFlagAppend) != 0));
}

uint32_t NodeBinding::drain_events(uint32_t max, const uint64_t* mask, bool append) {
  if (!append) {
    record_count_ = 0;
    slab_used_ = 0;
    if (!errors_.empty()) errors_.clear();
  }
  control_[kClockMs] = coarse_ms();
  // An event is taken only when its payload and metadata surely fit.
  constexpr uint32_t kMostOfOne = kCopiedBytes + DORA_MAX_METADATA + 16;
  for (uint32_t taken = 0; taken < max && record_count_ < kRecords && kSlabBytes - slab_used_ >= kMostOfOne; taken++) {
    if (node_->take(&event_, mask) != Status::ok || event_.type == EventType::none) break;
    write_record(event_);
    if (event_.type == EventType::end) break;
  }
  return record_count_;
}

void NodeBinding::write_record(const Event& event) {
  int32_t* record = records_ + record_count_ * kStride;
  record[kKind] = static_cast<int32_t>(event.type);
  record[kInput] = static_cast<int32_t>(event.input);
  record[kReason] = static_cast<int32_t>(event.reason);
  record[kHandleField] = -1;
  switch (event.type) {
    case EventType::input:
      record[kDropped] = saturate(event.dropped);
      write_payload(event.sample, record);
      break;
    case EventType::stop:
      record[kGraceMs] = saturate(static_cast<uint64_t>(std::max<int64_t>(event.grace_ns, 0)) / 1'000'000);
      break;
    case EventType::error:
      errors_.resize(record_count_ + 1);
      errors_[record_count_] = event.error;
      break;
    default: break;
  }
  record_count_++;
}

void NodeBinding::write_payload(const Sample& sample, int32_t* record) {
  record[kEncoding] = sample.encoding;
  record[kSizeBytes] = static_cast<int32_t>(static_cast<uint32_t>(sample.size));
  record[kMetadataBytes] = static_cast<int32_t>(sample.metadata_size);
  put_u64(record + kSequenceLow, sample.sequence);
  put_u64(record + kSentAtLow, sample.sent_at_ns);
  if (sample.metadata_size > 0) {
    record[kMetadataOffset] = static_cast<int32_t>(copy_to_slab(sample.metadata, sample.metadata_size));
  }
  if (sample.size > kCopiedBytes) {
    uint32_t handle = 0;
    *samples_.add(&handle) = sample;
    record[kHandleField] = static_cast<int32_t>(handle);
    return;
  }
  record[kDataOffset] = static_cast<int32_t>(copy_to_slab(sample.data, static_cast<uint32_t>(sample.size)));
  node_->release_at_once(sample);
}

uint32_t NodeBinding::copy_to_slab(const uint8_t* data, uint32_t size) {
  const uint32_t offset = slab_used_;
  if (size > 0) memcpy(slab_ + offset, data, size);
  slab_used_ += (size + 7) & ~7u;
  return offset;
}

/// The stop event that stands for a SIGTERM. Whoever sent it did not say how long it will wait.
uint32_t NodeBinding::write_stop() {
  event_ = Event{};
  event_.type = EventType::stop;
  event_.reason = DORA_REASON_USER;
  record_count_ = 0;
  write_record(event_);
  return record_count_;
}

napi_value NodeBinding::recv_sync(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr) return nullptr;
  const double timeout_ms = args.number(0);
  const auto spin_ns = static_cast<uint64_t>(args.number(1) * 1000);
  const uint32_t flags = args.u32(2);
  const uint64_t* mask = (flags & kFlagMasked) != 0 ? take_mask(self->control_) : nullptr;
  int64_t left_ns = timeout_ms < 0 ? -1 : static_cast<int64_t>(timeout_ms * 1e6);
  timespec start{};
  if (left_ns > 0) clock_gettime(CLOCK_MONOTONIC, &start);
  const int64_t limit_ns = left_ns;
  uint32_t count = self->drain_events(1, mask, false);
  // Signals are the main thread's, which a part leaves free.
  std::optional<TermScope> scope;
  if (self->node_->is_whole()) scope.emplace(self->node_->doorbell_fd());
  while (count == 0 && left_ns != 0) {
    if (self->node_->wait(left_ns, spin_ns, mask) == Status::timeout) break;
    count = scope.has_value() && TermScope::take() ? self->write_stop() : self->drain_events(1, mask, false);
    if ((flags & kFlagOnce) != 0) break;
    if (limit_ns < 0) continue;
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t passed = (now.tv_sec - start.tv_sec) * 1'000'000'000LL + (now.tv_nsec - start.tv_nsec);
    left_ns = std::max<int64_t>(limit_ns - passed, 0);
  }
  return make_u32(env, count);
}

napi_value NodeBinding::event_error(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr) return nullptr;
  if (args.u32(0) >= self->errors_.size()) {
    throw_type_error(env, "eventError(): this record is no error");
    return nullptr;
  }
  return make_error(env, self->errors_[args.u32(0)]);
}

void NodeBinding::view(const PlainCall& call) {
  NodeBinding* self = usable(call);
  if (self == nullptr) return;
  const Sample* sample = self->samples_.get(self->word(kHandle));
  if (sample == nullptr) {
    throw_type_error(self->env_, "view(): this handle was given back");
    return throw_pending(self->env_, call);
  }
  napi_value buffer = lend_buffer(self->env_, const_cast<uint8_t*>(sample->data), sample->size, self->in_place_);
  if (buffer == nullptr) return throw_pending(self->env_, call);
  call.GetReturnValue().Set(to_local(buffer));
}

napi_value NodeBinding::release(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  NodeBinding* self = usable(env, args);
  if (self == nullptr) return nullptr;
  const uint32_t handle = args.u32(0);
  const Sample* sample = self->samples_.get(handle);
  if (sample == nullptr) {
    throw_type_error(env, "release(): this handle was given back");
    return nullptr;
  }
  detach_buffer(args[1]);
  self->node_->release(*sample);
  self->samples_.remove(handle);
  return nullptr;
}

napi_value NodeBinding::detach(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  detach_buffer(args[0]);
  return nullptr;
}

}  // namespace dora::addon
