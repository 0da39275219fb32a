// Publishing for stand-ins. See bridge_client.h.
//
// Any thread may be here, at the same time as the consumer: nothing of the client is touched but the member, which the
// caller keeps from leaving.
#include "broker/bridge_client.h"

namespace dora::broker {
namespace {

constexpr uint32_t kLeastMessage = 8;  // what every client knows of a message

template <class T>
uint64_t to_word(T* pointer) {
  return reinterpret_cast<uint64_t>(pointer);
}

int32_t check_output(const dora_bridge_member_t* member, uint32_t output, const char* call, dora_error_t* error) {
  if (member == nullptr) return invalid(std::string(call) + ": `member` is NULL", error);
  if (output < member->node().outputs().size()) return DORA_OK;
  Error words;
  words.fail(Status::unknown_output, std::string(call) + ": \"" + member->membership->name +
                                         "\" has no output of index " + std::to_string(output));
  return to_c(words.status, words, error);
}

/// DORA_OK, or a failure in `error`.
int32_t read_message(const char* call, const dora_bridge_message_t* given, SendArgs* args, dora_error_t* error) {
  dora_bridge_message_t how{};
  if (given != nullptr && !read_given(given, kLeastMessage, &how))
    return wrong_struct((std::string(call) + ": `how`").c_str(), error);
  if (how.encoding > UINT16_MAX || (how.metadata == nullptr && how.metadata_size > 0) ||
      how.metadata_size > DORA_MAX_METADATA || (how.flags & ~DORA_BRIDGE_ARM) != 0)
    return invalid(std::string(call) + ": encoding, metadata or flags are none that exist", error);
  args->encoding = static_cast<uint16_t>(how.encoding);
  args->metadata = how.metadata;
  args->metadata_size = how.metadata_size;
  args->arm = (how.flags & DORA_BRIDGE_ARM) != 0;
  args->sent_at_ns = how.sent_at_ns;
  return DORA_OK;
}

Loan loan_of(const dora_bridge_loan_t& loan) {
  Loan out;
  // The ABI's reserved words hold our own pointers. NOLINTNEXTLINE(performance-no-int-to-ptr)
  out.publisher = reinterpret_cast<Publisher*>(loan.reserved[0]);
  out.slot = static_cast<uint32_t>(loan.reserved[1]);
  out.output = static_cast<uint32_t>(loan.reserved[2]);
  out.capacity = loan.reserved[3];
  out.data = loan.data;
  out.size = loan.size;
  return out;
}

}  // namespace

namespace bridge {

int32_t loan(dora_bridge_member_t* member, uint32_t output, uint64_t size, dora_bridge_loan_t* out,
             dora_error_t* error) {
  if (out == nullptr) return invalid("loan: `loan` is NULL", error);
  *out = dora_bridge_loan_t{};
  if (const int32_t wrong = check_output(member, output, "loan", error); wrong != DORA_OK) return wrong;
  Error words;
  Loan lent;
  const Status status = member->node().loan(output, size, &lent, &words);
  if (status == Status::ok)
    *out = dora_bridge_loan_t{lent.data, size, {to_word(lent.publisher), lent.slot, lent.output, lent.capacity}};
  return to_c(status, words, error);
}

int32_t send(dora_bridge_member_t* member, dora_bridge_loan_t* given, const dora_bridge_message_t* how,
             dora_error_t* error) {
  if (member == nullptr || given == nullptr || given->reserved[0] == 0)
    return invalid("send: `member` or `loan` is NULL, or the loan was sent or discarded already", error);
  SendArgs args;
  if (const int32_t wrong = read_message("send", how, &args, error); wrong != DORA_OK) return wrong;
  if (!member->ready.load(std::memory_order_relaxed)) return DORA_WOULD_BLOCK;
  Error words;
  Loan lent = loan_of(*given);
  const Status status = member->node().send(&lent, args, nullptr, &words);
  if (status == Status::ok) *given = dora_bridge_loan_t{};
  return to_c(status, words, error);
}

int32_t send_copy(dora_bridge_member_t* member, uint32_t output, const void* data, uint64_t size,
                  const dora_bridge_message_t* how, dora_error_t* error) {
  if (const int32_t wrong = check_output(member, output, "send_copy", error); wrong != DORA_OK) return wrong;
  if (data == nullptr && size > 0) return invalid("send_copy: `data` is NULL", error);
  SendArgs args;
  if (const int32_t wrong = read_message("send_copy", how, &args, error); wrong != DORA_OK) return wrong;
  if (!member->ready.load(std::memory_order_relaxed)) return DORA_WOULD_BLOCK;
  Error words;
  return to_c(member->node().send_copy(output, data, size, args, nullptr, &words), words, error);
}

void discard(dora_bridge_member_t* member, dora_bridge_loan_t* given) {
  if (member == nullptr || given == nullptr || given->reserved[0] == 0) return;
  Loan lent = loan_of(*given);
  member->node().discard(&lent);
  *given = dora_bridge_loan_t{};
}

void stop_waiting(dora_bridge_member_t* member, uint32_t output) {
  if (member != nullptr) member->node().stop_waiting(output);
}

int32_t close_output(dora_bridge_member_t* member, uint32_t output) {
  if (const int32_t wrong = check_output(member, output, "close_output", nullptr); wrong != DORA_OK) return wrong;
  return static_cast<int32_t>(member->node().close_output(output));
}

}  // namespace bridge

}  // namespace dora::broker
