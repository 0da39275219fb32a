// What the broker's tests share: a broker in a folder of its own, and nodes that speak the wire protocol by hand.
//
// A FakeNode is driven by the test itself, packet by packet. Its *process*, for the broker, is a forked child that
// connects, passes the socket to the test and then only waits to be killed: so a test can kill a node at any point of
// the protocol, and a kill is a real one. Every wait has a watchdog (kPatienceMs); no test depends on how fast
// something is.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "core/region.h"
#include "core/unix_socket.h"
#include "doctest/doctest.h"

namespace dora::test {

constexpr int kPatienceMs = 20'000;

/// A folder that goes away with the test.
class TempFolder {
 public:
  TempFolder() {
    char name[] = "/tmp/dora-test-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~TempFolder() { rmdir(path_.c_str()); }  // what a test left behind stays, and the test looks for it
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A child process that does nothing; killed and reaped at the latest in the destructor.
class Child {
 public:
  explicit Child(pid_t pid = -1) : pid_(pid) {}
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&& other) noexcept {
    kill_now();
    pid_ = std::exchange(other.pid_, -1);
    return *this;
  }
  ~Child() { kill_now(); }
  void kill_now() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

/// A mapped edge, at whichever end.
struct FakeEdge {
  uint64_t edge_id = 0, region_id = 0;
  EdgeConstants constants{};
  Mapping memory;
  EdgeShared* shared() const { return reinterpret_cast<EdgeShared*>(memory.data()); }
  uint64_t head() const { return shared()->head.load(); }
  uint64_t tail() const { return shared()->tail.load(); }
  void put(uint64_t n) { shared()->head.fetch_add(n); }
  void take(uint64_t n) { shared()->tail.fetch_add(n); }
};

inline bool wait_readable(int fd, int ms) {
  pollfd look{fd, POLLIN, 0};
  return poll(&look, 1, ms) == 1;
}

class FakeNode {
 public:
  FakeNode() = default;
  FakeNode(FakeNode&&) = default;
  FakeNode& operator=(FakeNode&&) = default;

  /// Connects as a process of its own.
  static FakeNode connect(const Broker& broker) {
    FakeNode node;
    const std::string path = broker.socket_path();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    memcpy(address.sun_path, path.data(), path.size());
    int pair[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    Fd ours(pair[0]), theirs(pair[1]);
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {  // system calls only: other threads existed at the fork
      be_process(theirs.get(), address);
    }
    node.process = Child(pid);
    theirs.reset();
    Packet packet;
    Error error;
    REQUIRE(wait_readable(ours.get(), kPatienceMs));
    REQUIRE(receive_packet(ours.get(), false, &packet, &error) == Status::ok);
    REQUIRE(packet.fds.size() == 1);
    node.socket = std::move(packet.fds[0]);
    return node;
  }

  template <class M>
  Status send(const M& message, std::vector<int> fds = {}) {
    return send_raw(wire::encode(message), fds);
  }
  Status send_raw(const std::vector<uint8_t>& bytes, std::vector<int> fds = {}) {
    Error error;
    return send_packet(socket.get(), bytes, fds, &error);
  }

  /// The next packet, which must be an M.
  template <class M>
  M expect(std::vector<Fd>* fds = nullptr) {
    M message;
    Packet packet;
    Error error;
    REQUIRE_MESSAGE(wait_readable(socket.get(), kPatienceMs), "no packet of type " << static_cast<int>(M::type));
    const Status status = receive_packet(socket.get(), false, &packet, &error);
    REQUIRE_MESSAGE(status == Status::ok, "connection ended instead of a packet of type " << static_cast<int>(M::type));
    wire::Type type{};
    uint16_t version = 0;
    REQUIRE(wire::peek(packet.bytes, &type, &version));
    REQUIRE(static_cast<int>(type) == static_cast<int>(M::type));
    REQUIRE(wire::decode(packet.bytes, &message));
    if (fds != nullptr) *fds = std::move(packet.fds);
    return message;
  }
  /// Nothing has been said to this node. `broker_did` something synchronously before, so nothing is under way.
  bool is_quiet() const { return !wait_readable(socket.get(), 0); }
  bool is_closed() {
    for (;;) {
      if (!wait_readable(socket.get(), kPatienceMs)) return false;
      Packet packet;
      Error error;
      const Status status = receive_packet(socket.get(), false, &packet, &error);
      if (status == Status::ended) return true;
      if (status != Status::ok) return false;
    }
  }

  Status hello(const std::string& token_hex) {
    wire::Hello hello;
    for (size_t i = 0; i < wire::kTokenSize; i++)
      hello.token[i] = static_cast<uint8_t>(std::stoul(token_hex.substr(i * 2, 2), nullptr, 16));
    return send(hello);
  }

  /// Hello to SpecEnd.
  void join(const std::string& token_hex) {
    REQUIRE(hello(token_hex) == Status::ok);
    receive_spec();
  }
  void receive_spec() {
    std::vector<Fd> fds;
    welcome = expect<wire::Welcome>(&fds);
    REQUIRE(fds.size() == 4);
    Error error;
    REQUIRE(Mapping::map(fds[0].get(), round_to_page(kInboxSize), true, &inbox, &error) == Status::ok);
    REQUIRE(Mapping::map(fds[2].get(), round_to_page(ledger_size(welcome.inputs, welcome.outputs)), true, &ledger,
                         &error) == Status::ok);
    broker_pidfd = std::move(fds[3]);
    for (uint32_t i = 0; i < welcome.inputs; i++) inputs.push_back(expect<wire::Input>());
    for (uint32_t i = 0; i < welcome.outputs; i++) outputs.push_back(expect<wire::Output>());
    expect<wire::SpecEnd>();
  }
  static Fd make_pool(uint64_t size, int seals) {
    Fd fd;
    Error error;
    REQUIRE(create_memfd("test-pool", size, &fd, &error) == Status::ok);
    REQUIRE(add_seals(fd.get(), seals, &error) == Status::ok);
    return fd;
  }
  void send_pools() {
    for (uint32_t i = 0; i < outputs.size(); i++) {
      if (outputs[i].external == 0) continue;
      const Fd pool = make_pool(page_size(), F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE);
      REQUIRE(send(wire::Pool{i}, {pool.get()}) == Status::ok);
    }
  }
  void ready() {
    send_pools();
    REQUIRE(send(wire::Ready{}) == Status::ok);
  }
  void join_and_ready(const std::string& token_hex) {
    join(token_hex);
    ready();
  }

  template <class M>
  FakeEdge map_edge(const M& message, const Fd& fd) {
    FakeEdge edge;
    edge.edge_id = message.edge_id;
    edge.region_id = message.region_id;
    edge.constants = message.constants;
    Error error;
    const uint64_t size = edge_region_size(message.constants.cells, message.constants.rel_words);
    REQUIRE(file_size(fd.get()) >= size);
    REQUIRE(Mapping::map(fd.get(), size, true, &edge.memory, &error) == Status::ok);
    REQUIRE(memcmp(edge.memory.data(), &message.constants, sizeof message.constants) == 0);
    return edge;
  }
  /// OpenOut, without the answer.
  FakeEdge take_open_out(wire::OpenOut* message = nullptr) {
    std::vector<Fd> fds;
    const auto got = expect<wire::OpenOut>(&fds);
    REQUIRE(fds.size() == 4);
    if (message != nullptr) *message = got;
    return map_edge(got, fds[0]);
  }
  void answer(const FakeEdge& edge, int32_t status = 0) {
    REQUIRE(send(wire::OutOpened{edge.edge_id, edge.region_id, status}) == Status::ok);
  }
  FakeEdge open_out(wire::OpenOut* message = nullptr) {
    FakeEdge edge = take_open_out(message);
    answer(edge);
    return edge;
  }
  /// The subscriber is back: what it had not claimed goes into the new region, at the same positions.
  FakeEdge reopen_out(const FakeEdge& old) {
    FakeEdge edge = take_open_out();
    edge.shared()->start.store(old.tail());
    edge.shared()->tail.store(old.tail());
    edge.shared()->head.store(old.head());
    answer(edge);
    return edge;
  }
  FakeEdge open_in(wire::OpenIn* message = nullptr) {
    std::vector<Fd> fds;
    const auto got = expect<wire::OpenIn>(&fds);
    REQUIRE(fds.size() == 4);
    if (message != nullptr) *message = got;
    return map_edge(got, fds[0]);
  }
  LedgerInput& ledger_input(uint32_t i) {
    return reinterpret_cast<LedgerInput*>(ledger.data() + sizeof(LedgerHead))[i];
  }
  LedgerOutput& ledger_output(uint32_t i) {
    return reinterpret_cast<LedgerOutput*>(ledger.data() + sizeof(LedgerHead) +
                                           welcome.inputs * sizeof(LedgerInput))[i];
  }

  /// The forked child: connects, hands the socket over, waits for its end. It keeps nothing else of the test's open.
  [[noreturn]] static void be_process(int to_test, const sockaddr_un& address) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(to_test, STDIN_FILENO);
    syscall(SYS_close_range, 3u, ~0u, 0u);
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) _exit(1);
    Error error;
    const uint8_t byte = 1;
    if (send_packet(STDIN_FILENO, {&byte, 1}, {&fd, 1}, &error) != Status::ok) _exit(1);
    close(fd);
    close(STDIN_FILENO);
    for (;;) pause();
  }

  Fd socket;
  Child process;
  wire::Welcome welcome;
  std::vector<wire::Input> inputs;
  std::vector<wire::Output> outputs;
  Mapping inbox, ledger;
  Fd broker_pidfd;
};

/// A broker, its events, and short words for describing nodes.
class Harness {
 public:
  explicit Harness(uint64_t memory_limit = 256 << 20) {
    BrokerOptions options;
    options.runtime_folder = folder.path();
    options.memory_limit = memory_limit;
    options.notify = [this] {
      std::lock_guard guard(mutex_);
      notified_ = true;
      changed_.notify_all();
    };
    Error error;
    const Status status = Broker::create(options, &broker, &error);
    REQUIRE_MESSAGE(status == Status::ok, error.message);
  }
  ~Harness() { broker.reset(); }

  static BrokerNode node(const std::string& id, std::vector<std::string> outputs = {}) {
    BrokerNode node;
    node.dataflow = "flow";
    node.node = id;
    for (auto& output : outputs) node.outputs.push_back({output, 0});
    return node;
  }
  /// Adds an input "name" fed by "node/output".
  static BrokerInput input(const std::string& name, const std::string& source, uint32_t queue_size = 10,
                           Policy policy = Policy::drop_oldest) {
    BrokerInput input;
    input.id = name;
    const size_t slash = source.find('/');
    input.source_node = source.substr(0, slash);
    input.source_output = source.substr(slash + 1);
    input.source_text = source;
    input.queue_size = queue_size;
    input.policy = policy;
    return input;
  }
  /// camera with output image; plot with input image.
  static std::vector<BrokerNode> pair(Policy policy = Policy::drop_oldest) {
    std::vector<BrokerNode> nodes{node("camera", {"image"}), node("plot")};
    nodes[1].inputs.push_back(input("image", "camera/image", 10, policy));
    return nodes;
  }

  std::vector<std::string> add(const std::vector<BrokerNode>& nodes) {
    std::vector<std::string> tokens;
    Error error;
    const Status status = broker->add_nodes(nodes, &tokens, &error);
    REQUIRE_MESSAGE(status == Status::ok, error.message);
    REQUIRE(tokens.size() == nodes.size());
    return tokens;
  }
  std::string again(BrokerNode node, uint32_t restart_count = 1) {
    node.restart_count = restart_count;
    return add({node})[0];
  }
  FakeNode connect() { return FakeNode::connect(*broker); }
  FakeNode join_ready(const std::string& token) {
    FakeNode node = connect();
    node.join_and_ready(token);
    return node;
  }

  /// The next event of this kind and node; others before it are kept in `seen`.
  BrokerEvent wait_event(BrokerEvent::Kind kind, const std::string& node = {}) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
    for (;;) {
      BrokerEvent event;
      while (broker->next_event(&event)) {
        seen.push_back(event);
        if (event.kind == kind && (node.empty() || event.node == node)) return event;
      }
      std::unique_lock guard(mutex_);
      const bool woken = changed_.wait_until(guard, until, [this] { return notified_; });
      notified_ = false;
      REQUIRE_MESSAGE(woken, "no event of kind " << static_cast<int>(kind) << " for " << node);
    }
  }
  int count_seen(BrokerEvent::Kind kind) const {
    int n = 0;
    for (const auto& event : seen) n += event.kind == kind;
    return n;
  }
  /// Kills the node's process and tells the broker so, as the daemon does. The socket stays open at our side.
  void kill(FakeNode* node, const std::string& id, bool final) {
    node->process.kill_now();
    broker->node_ended("flow", id, final, true);
  }
  InputCounts input_counts(const std::string& node, size_t input = 0) {
    for (const auto& counts : broker->counts("flow"))
      if (counts.node == node) return counts.inputs.at(input);
    FAIL("no counts for " << node);
    return {};
  }

  TempFolder folder;
  std::unique_ptr<Broker> broker;
  std::vector<BrokerEvent> seen;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool notified_ = false;
};

/// camera and plot, started, with their edge open at both ends.
struct RunningPair {
  explicit RunningPair(Harness& h, Policy policy = Policy::drop_oldest) : specs(Harness::pair(policy)) {
    const auto tokens = h.add(specs);
    camera = h.join_ready(tokens[0]);
    plot = h.join_ready(tokens[1]);
    out = camera.open_out();
    in = plot.open_in();
    camera.expect<wire::Start>();
    plot.expect<wire::Start>();
  }
  std::vector<BrokerNode> specs;
  FakeNode camera, plot;
  FakeEdge out, in;
};

}  // namespace dora::test
