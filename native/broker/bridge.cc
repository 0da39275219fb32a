// The table, clients and their members. See bridge.h; bridge_take.cc and bridge_send.cc have the rest of its functions.
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "broker/bridge_client.h"
#include "core/metadata.h"

namespace dora::broker {

int32_t invalid(const std::string& text, dora_error_t* out, const std::string& hint) {
  Error error;
  return to_c(error.fail(Status::invalid_argument, text, hint), error, out);
}

int32_t wrong_struct(const char* what, dora_error_t* out) {
  return invalid(std::string(what) + " is NULL, has no struct_size, or says something that this core does not know",
                 out, "Zero it, set struct_size to its sizeof, and use nothing newer than this dora-ts.");
}

namespace {

// What every client knows of these, by struct_size.
constexpr uint32_t kLeastOptions = 4, kLeastSubscription = 48, kLeastInput = 24;
constexpr uint32_t kEventsAtMost = 4096;

// ---- life -----------------------------------------------------------------------------------------------------------

void end_member(dora_bridge_member* member, uint32_t reason) {
  Membership& membership = *member->membership;
  epoll_ctl(member->bridge->epoll.get(), EPOLL_CTL_DEL, member->node().wait_fd(), nullptr);
  membership.crashed = reason == DORA_REASON_CRASHED;
  if (membership.crashed) {
    membership.node->abandon();
  } else {
    membership.node->close();
  }
}

int32_t open(const dora_bridge_host_t* table, const dora_bridge_options_t* given, dora_bridge_t** out,
             dora_error_t* error) {
  if (table == nullptr || out == nullptr) return invalid("open: `host` or `bridge` is NULL", error);
  *out = nullptr;
  dora_bridge_options_t options{};
  if (given != nullptr && !read_given(given, kLeastOptions, &options)) return wrong_struct("open: `options`", error);
  Error words;
  auto bridge = std::make_unique<dora_bridge>();
  bridge->host = BridgeHost::of(table);
  bridge->most_events = options.max_events == 0 ? kEventsAtMost : options.max_events;
  bridge->epoll.reset(epoll_create1(EPOLL_CLOEXEC));
  bridge->bell.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event{EPOLLIN, {.ptr = nullptr}};
  if (!bridge->epoll.valid() || !bridge->bell.valid() ||
      epoll_ctl(bridge->epoll.get(), EPOLL_CTL_ADD, bridge->bell.get(), &event) != 0)
    return to_c(words.fail_os("epoll", "cannot make a bridge"), words, error);
  dora_bridge* self = bridge.get();
  const bool there = bridge->host->with_broker([self](Broker& broker) {
    self->observer = broker.observe([self](const BrokerEvent& what) { self->on_broker_event(what); });
  });
  if (!there) return to_c(words.fail(Status::ended, "the broker of this table is gone"), words, error);
  *out = bridge.release();
  return DORA_OK;
}

void close(dora_bridge_t* bridge) {
  if (bridge == nullptr) return;
  bridge->host->with_broker([bridge](Broker& broker) { broker.unobserve(bridge->observer); });
  for (auto& member : bridge->members) end_member(member.get(), DORA_REASON_ENDED);
  delete bridge;
}

// ---- members --------------------------------------------------------------------------------------------------------

/// Joins by `config` and puts the member in its place.
int32_t join(dora_bridge* bridge, std::shared_ptr<Membership> membership, const std::string& config, void* user,
             dora_bridge_member_t** out, dora_error_t* error) {
  Error words;
  NodeOptions options;
  options.config = config;
  Status status = Node::connect(options, &membership->node, &words);
  if (status != Status::ok) {
    membership->crashed = true;
    return to_c(status, words, error);
  }
  auto member = std::make_unique<dora_bridge_member>();
  epoll_event event{EPOLLIN, {.ptr = member.get()}};
  if (epoll_ctl(bridge->epoll.get(), EPOLL_CTL_ADD, membership->node->wait_fd(), &event) != 0)
    return to_c(words.fail_os("epoll_ctl", "cannot watch a member"), words, error);
  member->membership = std::move(membership);
  member->bridge = bridge;
  member->user = user;
  *out = member.get();
  bridge->members.push_back(std::move(member));
  return DORA_OK;
}

/// The inputs of a subscription. False with words when one is no input.
bool read_inputs(const dora_bridge_subscription_t& what, std::vector<BrokerInput>* out, Error* error) {
  if (what.inputs == nullptr || what.input_count == 0 || what.input_count > kMaxInputs ||
      what.input_size < kLeastInput) {
    error->fail(Status::invalid_argument, "subscribe: a reader has 1 to 1024 inputs, each of input_size bytes");
    return false;
  }
  for (uint64_t i = 0; i < what.input_count; i++) {
    dora_bridge_input_t given{};
    memcpy(&given, reinterpret_cast<const uint8_t*>(what.inputs) + i * what.input_size, kLeastInput);
    if (given.node == nullptr || given.output == nullptr || given.policy > DORA_BACKPRESSURE) {
      error->fail(Status::invalid_argument,
                  "subscribe: input " + std::to_string(i) + " names no output, or a policy that does not exist");
      return false;
    }
    BrokerInput input;
    input.source_node = given.node;
    input.source_output = given.output;
    input.id = input.source_text = input.source_node + "/" + input.source_output;
    input.queue_size = given.queue_size;
    input.policy = static_cast<Policy>(given.policy);
    out->push_back(std::move(input));
  }
  return true;
}

int32_t subscribe(dora_bridge_t* bridge, const dora_bridge_subscription_t* given, dora_bridge_member_t** out,
                  dora_error_t* error) {
  if (bridge == nullptr || out == nullptr) return invalid("subscribe: `bridge` or `member` is NULL", error);
  *out = nullptr;
  dora_bridge_subscription_t what;
  if (!read_given(given, kLeastSubscription, &what)) return wrong_struct("subscribe: `what`", error);
  if (what.dataflow == nullptr || what.name == nullptr)
    return invalid("subscribe: `dataflow` or `name` is NULL", error);
  Error words;
  BrokerNode node;
  node.dataflow = what.dataflow;
  node.node = what.name;
  node.embedded = true;
  if (!read_inputs(what, &node.inputs, &words)) return to_c(words.status, words, error);

  auto membership = std::make_shared<Membership>();
  membership->host = bridge->host;
  membership->reader = true;
  std::string config;
  Status status = Status::ok;
  const bool there = bridge->host->with_broker([&](Broker& broker) {
    std::vector<std::string> tokens;
    status = broker.add_nodes({node}, &tokens, &words);
    if (status == Status::ok) config = broker.node_config(tokens[0]);
  });
  if (!there) status = words.fail(Status::ended, "the broker is gone");
  if (status != Status::ok) return to_c(status, words, error);
  membership->dataflow = node.dataflow;
  membership->name = node.node;
  return join(bridge, std::move(membership), config, what.user, out, error);
}

int32_t stand_in(dora_bridge_t* bridge, const char* dataflow, const char* name, void* user, dora_bridge_member_t** out,
                 dora_error_t* error) {
  if (bridge == nullptr || out == nullptr || dataflow == nullptr || name == nullptr)
    return invalid("stand_in: one of `bridge`, `dataflow`, `node`, `member` is NULL", error);
  *out = nullptr;
  auto membership = std::make_shared<Membership>();
  membership->host = bridge->host;
  Error words;
  std::string config;
  Status status = Status::ok;
  const bool there =
      bridge->host->with_broker([&](Broker& broker) { status = broker.claim_node(dataflow, name, &config, &words); });
  if (!there) status = words.fail(Status::ended, "the broker is gone");
  if (status != Status::ok) return to_c(status, words, error);
  membership->dataflow = dataflow;
  membership->name = name;
  return join(bridge, std::move(membership), config, user, out, error);
}

void leave(dora_bridge_member_t* member, uint32_t reason) {
  if (member == nullptr) return;
  dora_bridge* bridge = member->bridge;
  end_member(member, reason);
  std::erase_if(bridge->members, [member](const auto& known) { return known.get() == member; });
}

int32_t input_index(const dora_bridge_member_t* member, const char* id) {
  if (member == nullptr || id == nullptr) return DORA_INVALID_ARGUMENT;
  const int index = member->node().input_index(id);
  return index < 0 ? DORA_INVALID_ARGUMENT : index;
}

int32_t output_index(const dora_bridge_member_t* member, const char* id) {
  if (member == nullptr || id == nullptr) return DORA_INVALID_ARGUMENT;
  const int index = member->node().output_index(id);
  return index < 0 ? DORA_UNKNOWN_OUTPUT : index;
}

void pause(dora_bridge_member_t* member, uint32_t paused) {
  static constexpr uint64_t kNoInput[kInboxWords] = {};
  if (member != nullptr) member->mask = paused != 0 ? kNoInput : nullptr;
}

// ---- the rest -------------------------------------------------------------------------------------------------------

uint64_t now_ns(const dora_bridge_member_t* member) { return member == nullptr ? 0 : member->node().now_ns(); }

int32_t get_metadata(const uint8_t* metadata, uint64_t size, const char* key, uint32_t* type, const void** value,
                     uint64_t* value_size) {
  if ((metadata == nullptr && size > 0) || key == nullptr || type == nullptr || value == nullptr ||
      value_size == nullptr)
    return DORA_INVALID_ARGUMENT;
  return static_cast<int32_t>(metadata_get(metadata, size, key, type, value, value_size));
}

int32_t put_metadata(uint8_t* buffer, uint64_t capacity, uint64_t* size, const char* key, uint32_t type,
                     const void* value, uint64_t value_size) {
  if (buffer == nullptr || size == nullptr || key == nullptr || (value == nullptr && value_size > 0))
    return DORA_INVALID_ARGUMENT;
  return static_cast<int32_t>(metadata_put(buffer, capacity, size, key, type, value, value_size));
}

constexpr dora_bridge_api_t kApi = {
    DORA_BRIDGE_ABI_MAJOR,
    DORA_BRIDGE_ABI_MINOR,
    sizeof(dora_bridge_api_t),
    0,
    open,
    close,
    bridge::wait_fd,
    bridge::prepare_wait,
    bridge::next,
    bridge::release,
    subscribe,
    stand_in,
    leave,
    input_index,
    output_index,
    pause,
    bridge::loan,
    bridge::send,
    bridge::send_copy,
    bridge::discard,
    bridge::stop_waiting,
    bridge::close_output,
    now_ns,
    get_metadata,
    put_metadata,
};

}  // namespace

BridgeHost::BridgeHost(Broker* broker) : table_{&kApi, this}, broker_(broker) {}

std::shared_ptr<BridgeHost> BridgeHost::of(const dora_bridge_host_t* table) {
  return static_cast<BridgeHost*>(table->core)->shared_from_this();
}

}  // namespace dora::broker
