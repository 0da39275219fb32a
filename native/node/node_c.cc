// The C node API (dora/node.h) over Node. Thin: converts structures, keeps no state but what an event lends.
//
// dora_event_t::reserved: [0] EdgeReader*, [1] slot, [2] heap copy of the metadata, [3] heap copy of an error's words.
// dora_loan_t::reserved: [0] Publisher*, [1] slot, [2] output, [3] bytes lent.
#include "dora/node.h"

#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/metadata.h"
#include "node/fault_handler.h"
#include "node/node.h"

struct dora_node {
  std::unique_ptr<dora::Node> node;
  uint64_t spin_ns = 0;
};

namespace {

using dora::Error;
using dora::Event;
using dora::EventType;
using dora::Loan;
using dora::Node;
using dora::Sample;
using dora::SendArgs;
using dora::Status;
using dora::to_c;

int64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

template <class T>
uint64_t to_word(T* pointer) {
  return reinterpret_cast<uint64_t>(pointer);
}
template <class T>
T* from_word(uint64_t word) {
  // The ABI's reserved words hold our own pointers. NOLINTNEXTLINE(performance-no-int-to-ptr)
  return reinterpret_cast<T*>(word);
}

void fill(const Node& node, const Event& from, dora_event_t* to) {
  memset(to, 0, sizeof *to);
  to->type = static_cast<uint32_t>(from.type);
  to->input = from.input;
  to->reason = from.reason;
  to->grace_ns = from.grace_ns;
  to->dropped = from.dropped;
  to->id = from.input < node.inputs().size() && from.type != EventType::stop && from.type != EventType::end
               ? node.inputs()[from.input].id.c_str()
               : "";
  to->message = "";
  if (from.type == EventType::input) {
    const Sample& sample = from.sample;
    to->encoding = sample.encoding;
    to->data = sample.data;
    to->size = sample.size;
    to->sequence = sample.sequence;
    to->sent_at_ns = sample.sent_at_ns;
    to->reserved[0] = to_word(sample.edge);
    to->reserved[1] = sample.slot;
    if (sample.metadata_size > 0) {
      auto* copy = static_cast<uint8_t*>(malloc(sample.metadata_size));
      if (copy != nullptr) {
        memcpy(copy, sample.metadata, sample.metadata_size);
        to->metadata = copy;
        to->metadata_size = sample.metadata_size;
        to->reserved[2] = to_word(copy);
      }
    }
  } else if (from.type == EventType::error) {
    char* words = strdup(from.error.message.c_str());
    to->reserved[3] = to_word(words);
    if (words != nullptr) to->message = words;
  }
}

Loan loan_of(const dora_loan_t* loan) {
  Loan out;
  out.publisher = from_word<dora::Publisher>(loan->reserved[0]);
  out.slot = static_cast<uint32_t>(loan->reserved[1]);
  out.output = static_cast<uint32_t>(loan->reserved[2]);
  out.capacity = loan->reserved[3];
  out.data = loan->data;
  out.size = loan->size;
  return out;
}

/// When a wait of `timeout_ns` from now is over; -1: never, which a time beyond the clock's end is too.
int64_t end_of_wait(int64_t timeout_ns) {
  const int64_t now = monotonic_ns();
  return timeout_ns < 0 || timeout_ns > INT64_MAX - now ? -1 : now + timeout_ns;
}

// The process's one node and the process it was made in: a forked child has neither its memory nor its membership.
std::atomic<dora_node*> current_node{nullptr};
std::atomic<pid_t> current_process{0};  // also held while a connect is under way

bool is_current(const dora_node* node) {
  return node != nullptr && current_node.load(std::memory_order_acquire) == node &&
         current_process.load(std::memory_order_relaxed) == getpid();
}

Status claim_process(Error* error) {
  pid_t holder = current_process.load(std::memory_order_acquire);
  do {
    if (holder == getpid())
      return error->fail(Status::already_connected, "dora_node_connect: this process is a node already",
                         "Pass its dora_node_t around, or close it first.");
  } while (!current_process.compare_exchange_weak(holder, getpid(), std::memory_order_acq_rel));
  return Status::ok;
}

Status check_message(const char* call, const void* data, uint64_t size, uint32_t encoding, const uint8_t* metadata,
                     uint64_t metadata_size, Error* error) {
  const std::string where = std::string(call) + ": ";
  if (data == nullptr && size > 0) return error->fail(Status::invalid_argument, where + "`data` is NULL");
  if (metadata == nullptr && metadata_size > 0)
    return error->fail(Status::invalid_argument, where + "`metadata` is NULL and `metadata_size` is not 0");
  if (metadata_size > DORA_MAX_METADATA)
    return error->fail(Status::too_large, where + "metadata is larger than 65536 bytes");
  if (encoding > UINT16_MAX) return error->fail(Status::invalid_argument, where + "`encoding` is above 65535");
  return Status::ok;
}

Status check_output(const char* call, const dora_node_t* node, int32_t output, Error* error) {
  if (node == nullptr) return error->fail(Status::invalid_argument, std::string(call) + ": `node` is NULL");
  if (output >= 0 && static_cast<size_t>(output) < node->node->outputs().size()) return Status::ok;
  return error->fail(
      Status::unknown_output,
      std::string(call) + ": node \"" + node->node->id() + "\" has no output of index " + std::to_string(output),
      "Get the index from dora_node_output(); a negative one says that there is no such output.");
}

/// Calls attempt(arm) until it does not want to wait, or the time is over.
template <class F>
Status with_room(dora_node_t* node, uint32_t output, int64_t timeout_ns, Error* error, F attempt) {
  if (timeout_ns == 0) return attempt(false);
  const int64_t end = end_of_wait(timeout_ns);
  for (;;) {
    const Status s = attempt(true);
    if (s != Status::would_block) return s;
    const int64_t left = end < 0 ? -1 : end - monotonic_ns();
    if (end >= 0 && left <= 0) {
      node->node->stop_waiting(output);
      return Status::timeout;
    }
    if (node->node->wait_room(left) == Status::ended) {
      node->node->stop_waiting(output);
      return error->fail(Status::ended, "a subscriber is full and this node is stopping, so it does not wait",
                         "Take events until the end; sends with a timeout of 0 still work.");
    }
  }
}

}  // namespace

extern "C" {

int32_t dora_node_connect(const dora_node_options_t* options, dora_node_t** out, dora_error_t* error) {
  Error words;
  if (out == nullptr)
    return to_c(words.fail(Status::invalid_argument, "dora_node_connect: `node` is NULL"), words, error);
  *out = nullptr;
  dora::NodeOptions node_options;
  auto node = std::make_unique<dora_node>();
  if (options != nullptr) {
    if (options->struct_size < sizeof *options)
      return to_c(words.fail(Status::invalid_argument, "dora_node_connect: struct_size is too small",
                             "Set it to sizeof(dora_node_options_t)."),
                  words, error);
    if (options->config != nullptr) node_options.config = options->config;
    node->spin_ns = uint64_t{options->spin_us} * 1000;
  }
  if (Status s = claim_process(&words); s != Status::ok) return to_c(s, words, error);
  Status s = Node::connect(node_options, &node->node, &words);
  if (s == Status::ok) s = node->node->wait_start(&words);
  if (s != Status::ok) {
    node.reset();
    current_process.store(0, std::memory_order_release);
    return to_c(s, words, error);
  }
  dora::install_fault_handler("memcpy(mine, event.data, event.size)");
  *out = node.release();
  current_node.store(*out, std::memory_order_release);
  return DORA_OK;
}

void dora_node_close(dora_node_t* node) {
  // A second close is harmless; in a forked child the node is not ours to say Bye for.
  if (!is_current(node) || !current_node.compare_exchange_strong(node, nullptr, std::memory_order_acq_rel)) return;
  delete node;
  current_process.store(0, std::memory_order_release);
}

const char* dora_node_id(const dora_node_t* node) { return node == nullptr ? "" : node->node->id().c_str(); }

int32_t dora_node_output(const dora_node_t* node, const char* id) {
  if (node == nullptr || id == nullptr) return DORA_INVALID_ARGUMENT;
  const int index = node->node->output_index(id);
  return index < 0 ? DORA_UNKNOWN_OUTPUT : index;
}

int32_t dora_node_input(const dora_node_t* node, const char* id) {
  if (node == nullptr || id == nullptr) return DORA_INVALID_ARGUMENT;
  const int index = node->node->input_index(id);
  return index < 0 ? DORA_INVALID_ARGUMENT : index;
}

int32_t dora_node_request_stop(dora_node_t* node) {
  return node == nullptr ? DORA_INVALID_ARGUMENT : static_cast<int32_t>(node->node->request_stop());
}

int32_t dora_node_next(dora_node_t* node, int64_t timeout_ns, dora_event_t* event) {
  if (node == nullptr || event == nullptr) return DORA_INVALID_ARGUMENT;
  const int64_t end = timeout_ns == 0 ? 0 : end_of_wait(timeout_ns);
  for (;;) {
    Event taken;
    const Status s = node->node->take(&taken);
    if (s == Status::ok) fill(*node->node, taken, event);
    if (s != Status::empty) return static_cast<int32_t>(s);
    if (timeout_ns == 0) {
      node->node->awake(true, true);
      if (node->node->take(&taken) != Status::ok) return DORA_EMPTY;
      fill(*node->node, taken, event);
      return DORA_OK;
    }
    const int64_t left = end < 0 ? -1 : end - monotonic_ns();
    if (end >= 0 && left <= 0) return DORA_TIMEOUT;
    node->node->wait(left, node->spin_ns);
  }
}

void dora_event_release(dora_node_t* node, dora_event_t* event) {
  if (node == nullptr || event == nullptr) return;
  if (event->reserved[0] != 0) {
    Sample sample;
    sample.edge = from_word<dora::EdgeReader>(event->reserved[0]);
    sample.slot = static_cast<uint32_t>(event->reserved[1]);
    node->node->release(sample);
  }
  free(from_word<void>(event->reserved[2]));
  free(from_word<void>(event->reserved[3]));
  memset(event->reserved, 0, sizeof event->reserved);
  event->data = nullptr;
  event->metadata = nullptr;
  event->message = "";
}

int32_t dora_node_fd(dora_node_t* node) { return node == nullptr ? DORA_INVALID_ARGUMENT : node->node->wait_fd(); }

int32_t dora_node_prepare_wait(dora_node_t* node) {
  if (node == nullptr) return DORA_INVALID_ARGUMENT;
  return node->node->prepare_sleep() ? 1 : 0;
}

int32_t dora_node_send(dora_node_t* node, int32_t output, const void* data, uint64_t size, uint32_t encoding,
                       const uint8_t* metadata, uint64_t metadata_size, int64_t timeout_ns, dora_error_t* error) {
  Error words;
  Status s = check_output("dora_node_send", node, output, &words);
  if (s == Status::ok) s = check_message("dora_node_send", data, size, encoding, metadata, metadata_size, &words);
  if (s != Status::ok) return to_c(s, words, error);
  s = with_room(node, static_cast<uint32_t>(output), timeout_ns, &words, [&](bool arm) {
    const SendArgs args{static_cast<uint16_t>(encoding), metadata, static_cast<uint32_t>(metadata_size), 0, arm};
    return node->node->send_copy(static_cast<uint32_t>(output), data, size, args, nullptr, &words);
  });
  return to_c(s, words, error);
}

int32_t dora_node_loan(dora_node_t* node, int32_t output, uint64_t size, dora_loan_t* loan, dora_error_t* error) {
  Error words;
  if (loan == nullptr)
    return to_c(words.fail(Status::invalid_argument, "dora_node_loan: `loan` is NULL"), words, error);
  Loan lent;
  Status s = check_output("dora_node_loan", node, output, &words);
  if (s == Status::ok) s = node->node->loan(static_cast<uint32_t>(output), size, &lent, &words);
  if (s != Status::ok) return to_c(s, words, error);
  *loan = dora_loan_t{lent.data, size, {to_word(lent.publisher), lent.slot, lent.output, lent.capacity}};
  return DORA_OK;
}

int32_t dora_loan_send(dora_node_t* node, dora_loan_t* loan, uint32_t encoding, const uint8_t* metadata,
                       uint64_t metadata_size, int64_t timeout_ns, dora_error_t* error) {
  Error words;
  if (node == nullptr || loan == nullptr || loan->reserved[0] == 0)
    return to_c(words.fail(Status::invalid_argument,
                           "dora_loan_send: `node` or `loan` is NULL, or the loan was sent or discarded already"),
                words, error);
  Status s = check_message("dora_loan_send", loan->data, loan->size, encoding, metadata, metadata_size, &words);
  if (s != Status::ok) return to_c(s, words, error);
  Loan lent = loan_of(loan);
  s = with_room(node, lent.output, timeout_ns, &words, [&](bool arm) {
    const SendArgs args{static_cast<uint16_t>(encoding), metadata, static_cast<uint32_t>(metadata_size), 0, arm};
    return node->node->send(&lent, args, nullptr, &words);
  });
  if (s == Status::ok) *loan = dora_loan_t{};
  return to_c(s, words, error);
}

void dora_loan_discard(dora_node_t* node, dora_loan_t* loan) {
  if (node == nullptr || loan == nullptr || loan->reserved[0] == 0) return;
  Loan lent = loan_of(loan);
  node->node->discard(&lent);
  *loan = dora_loan_t{};
}

int32_t dora_node_close_output(dora_node_t* node, int32_t output) {
  if (node == nullptr) return DORA_INVALID_ARGUMENT;
  if (output < 0) return DORA_UNKNOWN_OUTPUT;
  return static_cast<int32_t>(node->node->close_output(static_cast<uint32_t>(output)));
}

int32_t dora_metadata_put(uint8_t* buffer, uint64_t capacity, uint64_t* size, const char* key, uint32_t type,
                          const void* value, uint64_t value_size) {
  if (buffer == nullptr || size == nullptr || key == nullptr || (value == nullptr && value_size > 0))
    return DORA_INVALID_ARGUMENT;
  return static_cast<int32_t>(dora::metadata_put(buffer, capacity, size, key, type, value, value_size));
}

int32_t dora_metadata_get(const uint8_t* metadata, uint64_t size, const char* key, uint32_t* type, const void** value,
                          uint64_t* value_size) {
  if ((metadata == nullptr && size > 0) || key == nullptr || type == nullptr || value == nullptr ||
      value_size == nullptr)
    return DORA_INVALID_ARGUMENT;
  return static_cast<int32_t>(dora::metadata_get(metadata, size, key, type, value, value_size));
}

}  // extern "C"
