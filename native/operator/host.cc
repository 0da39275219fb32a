// Functions of dora/operator.h. See host.h.
#include "operator/host.h"

#include <cstdio>
#include <cstring>

#include "core/metadata.h"
#include "operator/crash.h"
#include "operator/instance.h"
#include "operator/log.h"
#include "operator/scheduler.h"

namespace dora {
namespace {

Operator* operator_of(const dora_host_t* host) { return reinterpret_cast<Operator*>(const_cast<dora_host_t*>(host)); }

int32_t report(Status status, const Error& error, dora_error_t* out) {
  if (status == Status::ok || out == nullptr) return static_cast<int32_t>(status);
  out->status = static_cast<int32_t>(status);
  out->os_errno = error.os_errno;
  snprintf(out->message, sizeof out->message, "%s", error.message.c_str());
  snprintf(out->hint, sizeof out->hint, "%s", error.hint.c_str());
  return static_cast<int32_t>(status);
}

// A loan as the operator holds it: `reserved` is publisher, output and slot, capacity, local slot. One of the first and
// the last is there, unless it was sent.
void give_loan(const OperatorLoan& given, dora_operator_loan_t* out) {
  const Loan& loan = given.loan;
  out->data = loan.data;
  out->size = loan.size;
  out->reserved[0] = reinterpret_cast<uint64_t>(loan.publisher);
  out->reserved[1] = uint64_t{loan.output} << 32 | loan.slot;
  out->reserved[2] = loan.capacity;
  out->reserved[3] = reinterpret_cast<uint64_t>(given.local);
}

bool is_there(const dora_operator_loan_t& given) { return given.reserved[0] != 0 || given.reserved[3] != 0; }

OperatorLoan take_loan(const dora_operator_loan_t& given) {
  OperatorLoan taken;
  Loan& loan = taken.loan;
  // The ABI's reserved words hold our own pointers. NOLINTBEGIN(performance-no-int-to-ptr)
  taken.local = reinterpret_cast<LocalSlot*>(given.reserved[3]);
  loan.publisher = reinterpret_cast<Publisher*>(given.reserved[0]);
  // NOLINTEND(performance-no-int-to-ptr)
  loan.output = static_cast<uint32_t>(given.reserved[1] >> 32);
  loan.slot = static_cast<uint32_t>(given.reserved[1]);
  loan.data = given.data;
  loan.size = given.size;
  loan.capacity = given.reserved[2];
  return taken;
}

bool bad_payload(uint32_t encoding, const uint8_t* metadata, uint32_t metadata_size) {
  return encoding > DORA_ENCODING_ARROW || metadata_size > DORA_MAX_METADATA ||
         (metadata == nullptr && metadata_size > 0);
}

int32_t refuse_payload(dora_error_t* error) {
  Error words;
  words.fail(Status::invalid_argument,
             "encoding is DORA_ENCODING_*, metadata at most DORA_MAX_METADATA bytes and not NULL unless empty");
  return report(Status::invalid_argument, words, error);
}

const void* get_extension(const dora_host_t*, const char* name) {
  static constexpr dora_ext_thread_check_t kThreadCheck = {
      [](const dora_host_t* host) -> int32_t { return CrashScope::current() == operator_of(host) ? 1 : 0; },
  };
  return strcmp(name, DORA_EXT_THREAD_CHECK) == 0 ? &kThreadCheck : nullptr;
}

const char* operator_id(const dora_host_t* host) { return operator_of(host)->id; }

int32_t input_index(const dora_host_t* host, const char* id) {
  const Operator* op = operator_of(host);
  for (uint32_t i = 0; i < op->input_count; i++) {
    if (strcmp(op->inputs[i].id, id) == 0) return static_cast<int32_t>(i);
  }
  return DORA_INVALID_ARGUMENT;
}

int32_t output_index(const dora_host_t* host, const char* id) {
  const Operator* op = operator_of(host);
  for (uint32_t i = 0; i < op->output_count; i++) {
    if (strcmp(op->outputs[i].id, id) == 0) return static_cast<int32_t>(i);
  }
  return DORA_UNKNOWN_OUTPUT;
}

int32_t loan(const dora_host_t* host, uint32_t output, uint64_t size, dora_operator_loan_t* out, dora_error_t* error) {
  Operator* op = operator_of(host);
  Error words;
  OperatorLoan loan;
  const Status s = op->scheduler->loan(op, output, size, &loan, &words);
  if (s == Status::ok) give_loan(loan, out);
  return report(s, words, error);
}

int32_t send(const dora_host_t* host, dora_operator_loan_t* given, uint32_t encoding, const uint8_t* metadata,
             uint32_t metadata_size, dora_error_t* error) {
  if (bad_payload(encoding, metadata, metadata_size)) return refuse_payload(error);
  Operator* op = operator_of(host);
  Error words;
  if (!is_there(*given)) {
    return report(words.fail(Status::invalid_argument,
                             "operator \"" + std::string(op->id) + "\" sent a loan twice, or one that it never had"),
                  words, error);
  }
  OperatorLoan loan = take_loan(*given);
  SendArgs args;
  args.encoding = static_cast<uint16_t>(encoding);
  args.metadata = metadata;
  args.metadata_size = metadata_size;
  const Status s = op->scheduler->send(op, &loan, args, &words);
  if (s == Status::ok) *given = {};
  return report(s, words, error);
}

int32_t send_copy(const dora_host_t* host, uint32_t output, const void* data, uint64_t size, uint32_t encoding,
                  const uint8_t* metadata, uint32_t metadata_size, dora_error_t* error) {
  if (bad_payload(encoding, metadata, metadata_size)) return refuse_payload(error);
  Operator* op = operator_of(host);
  Error words;
  SendArgs args;
  args.encoding = static_cast<uint16_t>(encoding);
  args.metadata = metadata;
  args.metadata_size = metadata_size;
  return report(op->scheduler->send_copy(op, output, data, size, args, &words), words, error);
}

void discard(const dora_host_t* host, dora_operator_loan_t* given) {
  if (!is_there(*given)) return;
  OperatorLoan loan = take_loan(*given);
  operator_of(host)->scheduler->discard(&loan);
  *given = {};
}

dora_sample_t* sample_retain(const dora_host_t*, const dora_operator_event_t* event) {
  if (event->type != DORA_EVENT_INPUT) return nullptr;
  auto* message = reinterpret_cast<Message*>(const_cast<dora_operator_event_t*>(event));
  message->refs.fetch_add(1, std::memory_order_relaxed);  // SYNC: message-refs. The event is a reference already
  return reinterpret_cast<dora_sample_t*>(message);
}

void sample_release(const dora_host_t* host, dora_sample_t* sample) {
  if (sample != nullptr) operator_of(host)->scheduler->release(reinterpret_cast<Message*>(sample));
}

int32_t complete(const dora_host_t* host, uint64_t token, int32_t status) {
  Operator* op = operator_of(host);
  return static_cast<int32_t>(op->scheduler->complete(op, token, status));
}

int32_t request_stop(const dora_host_t* host, uint32_t what) {
  if (what > DORA_STOP_ALL) return DORA_INVALID_ARGUMENT;
  Operator* op = operator_of(host);
  return static_cast<int32_t>(op->scheduler->request_stop(op, what == DORA_STOP_ALL));
}

uint64_t now(const dora_host_t* host) { return operator_of(host)->scheduler->now_ns(); }

void log_line(const dora_host_t* host, uint32_t level, const char* text) {
  log_operator(operator_of(host)->id, level, text);
}

int32_t get_metadata(const dora_host_t*, const uint8_t* metadata, uint64_t size, const char* key, uint32_t* type,
                     const void** value, uint64_t* value_size) {
  return static_cast<int32_t>(metadata_get(metadata, size, key, type, value, value_size));
}

int32_t put_metadata(const dora_host_t*, uint8_t* buffer, uint64_t capacity, uint64_t* size, const char* key,
                     uint32_t type, const void* value, uint64_t value_size) {
  return static_cast<int32_t>(metadata_put(buffer, capacity, size, key, type, value, value_size));
}

}  // namespace

const dora_host_api_t* host_api() {
  static constexpr dora_host_api_t kApi = {
      DORA_OPERATOR_ABI_MAJOR,
      DORA_OPERATOR_ABI_MINOR,
      sizeof(dora_host_api_t),
      0,
      get_extension,
      operator_id,
      input_index,
      output_index,
      loan,
      send,
      send_copy,
      discard,
      sample_retain,
      sample_release,
      complete,
      request_stop,
      now,
      log_line,
      get_metadata,
      put_metadata,
  };
  return &kApi;
}

}  // namespace dora
