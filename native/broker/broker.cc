// The broker's thread, its lock, and the public face. See broker.h.
//
// One lock covers the Hub. Public methods do their work on the caller's thread under it: every send is non-blocking, so
// nobody waits for a node. The broker's thread sleeps in epoll and does the rest: connections, packets, deaths,
// time-outs, and the calls of `notify`, outside the lock.
#include "broker/broker.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <mutex>
#include <utility>

#include "broker/bridge.h"
#include "broker/counts.h"
#include "broker/hub.h"
#include "broker/membership.h"
#include "broker/registry.h"
#include "broker/socket_folder.h"

namespace dora {

using broker::watch_key;
using broker::WatchKind;

namespace {

constexpr int kPacketsAtOnce = 64;          // of one connection before the others get their turn
constexpr uint64_t kRetryNs = 100'000'000;  // when the kernel has no room for descriptors or files

uint64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

struct Broker::Impl {
  Impl(BrokerOptions options, uint64_t first_id) : hub(std::move(options), first_id) {}
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status open(Error* error);
  Status start(Error* error);
  /// For public methods: runs `work` under the lock, ends what it doomed, and lets the thread look at events and times.
  template <class F>
  void locked(F&& work) {
    {
      std::unique_lock lock(mutex);
      work();
      broker::sweep_connections(&hub);
    }
    wake_up();
  }

  Status watch(int fd, uint64_t key, Error* error);
  void wake_up();
  void run();
  void handle(uint64_t key);
  void accept();
  void look_at_clock();
  int timeout_ms();

  std::mutex mutex;
  Fd epoll, wake;
  broker::SocketFolder folder;
  std::string socket_path;
  Fd listener;
  uint64_t listener_again_ns = 0;     ///< not 0: listening is paused until then
  std::atomic<bool> stopping{false};  ///< publishes nothing else
  bool running = false;
  pthread_t thread{};
  std::shared_ptr<broker::BridgeHost> bridge;
  broker::Hub hub;  ///< last: its connections use the epoll above
};

Status Broker::Impl::watch(int fd, uint64_t key, Error* error) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = key;
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return error->fail_os("epoll_ctl", "cannot watch the daemon's socket");
  return Status::ok;
}

Status Broker::Impl::open(Error* error) {
  epoll.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return error->fail_os("epoll_create1", "cannot start the broker");
  wake.reset(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake.valid()) return error->fail_os("eventfd", "cannot start the broker");
  hub.own_pidfd = std::make_shared<Fd>(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  if (!hub.own_pidfd->valid()) {
    const Status status = error->fail_os("pidfd_open", "cannot start the broker");
    error->hint = "dora needs Linux 5.3 or newer, and a sandbox that allows pidfd_open.";
    return status;
  }
  hub.epoll = epoll.get();
  if (Status s = broker::SocketFolder::create(hub.options.runtime_folder, &folder, error); s != Status::ok) return s;
  socket_path = folder.socket_path();
  if (Status s = listen_unix(socket_path, &listener, error); s != Status::ok) return s;
  if (Status s = watch(wake.get(), watch_key(WatchKind::wake), error); s != Status::ok) return s;
  return watch(listener.get(), watch_key(WatchKind::listener), error);
}

Status Broker::Impl::start(Error* error) {
  // Signals are the program's, not ours: its own threads get them.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int result = pthread_create(
      &thread, nullptr,
      [](void* self) -> void* {
        static_cast<Impl*>(self)->run();
        return nullptr;
      },
      this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (result != 0) {
    errno = result;
    return error->fail_os("pthread_create", "cannot start the broker's thread");
  }
  pthread_setname_np(thread, "dora-broker");
  running = true;
  return Status::ok;
}

Broker::Impl::~Impl() {
  stopping.store(true);
  if (running) {
    wake_up();
    pthread_join(thread, nullptr);
  }
  hub.connections.clear();
}

void Broker::Impl::wake_up() {
  const uint64_t one = 1;
  // Full means that it is awake anyway.
  [[maybe_unused]] const ssize_t written = write(wake.get(), &one, sizeof one);
}

int Broker::Impl::timeout_ms() {
  const uint64_t now = monotonic_ns();
  uint64_t next = UINT64_MAX;
  for (const auto& [id, connection] : hub.connections) {
    if (connection->deadline_ns() != 0) next = std::min(next, connection->deadline_ns());
    if (connection->wants_retry()) next = std::min(next, now + kRetryNs);
  }
  if (listener_again_ns != 0) next = std::min(next, listener_again_ns);
  if (next == UINT64_MAX) return -1;
  return next <= now ? 0 : static_cast<int>((next - now) / 1'000'000 + 1);
}

void Broker::Impl::run() {
  epoll_event events[64];
  while (!stopping.load()) {
    int timeout = 0;
    {
      std::unique_lock lock(mutex);
      timeout = timeout_ms();
    }
    const int count = epoll_wait(epoll.get(), events, 64, timeout);
    bool notify = false;
    {
      std::unique_lock lock(mutex);
      for (int i = 0; i < count; i++) handle(events[i].data.u64);
      look_at_clock();
      broker::sweep_connections(&hub);
      notify = hub.events.take_became_non_empty();
    }
    if (notify && hub.options.notify && !stopping.load()) hub.options.notify();
  }
}

void Broker::Impl::handle(uint64_t key) {
  const uint64_t number = key >> 2;
  switch (static_cast<WatchKind>(key & 3)) {
    case WatchKind::wake: {
      uint64_t ignored;
      // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): the eventfd does not block
      [[maybe_unused]] const ssize_t got = read(wake.get(), &ignored, sizeof ignored);
      return;
    }
    case WatchKind::listener: return accept();
    case WatchKind::process: return broker::process_died(&hub, number);
    case WatchKind::connection: {
      const auto found = hub.connections.find(number);  // it may have gone since epoll spoke
      if (found == hub.connections.end() || found->second->doomed()) return;
      found->second->flush();
      broker::handle_packets(&hub, found->second.get(), kPacketsAtOnce);
    }
  }
}

void Broker::Impl::accept() {
  Error error;
  const uint64_t now = monotonic_ns();
  if (broker::accept_connections(&hub, listener.get(), now, &error) == Status::ok) return;
  // Out of files or memory: the connection waits in the queue, and epoll would call at once again.
  hub.events.push(BrokerEvent::Kind::refused, {}, {}, error.message);
  epoll_ctl(epoll.get(), EPOLL_CTL_DEL, listener.get(), nullptr);
  listener_again_ns = now + kRetryNs;
}

void Broker::Impl::look_at_clock() {
  const uint64_t now = monotonic_ns();
  for (const auto& [id, connection] : hub.connections) {
    if (connection->wants_retry()) connection->flush();
    if (connection->deadline_ns() == 0 || connection->deadline_ns() > now || connection->doomed()) continue;
    const int32_t pid = connection->peer().pid;
    hub.events.push(BrokerEvent::Kind::refused, {}, {},
                    "process " + std::to_string(pid) + " connected and said nothing for 5 seconds", pid);
    connection->doom("it said nothing");
  }
  if (listener_again_ns == 0 || listener_again_ns > now) return;
  Error ignored;
  listener_again_ns =
      watch(listener.get(), watch_key(WatchKind::listener), &ignored) == Status::ok ? 0 : now + kRetryNs;
}

Broker::Broker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Broker::~Broker() {
  if (impl_->bridge == nullptr) return;
  impl_->bridge->broker_gone([this] {
    std::unique_lock lock(impl_->mutex);
    impl_->hub.events.forget_observers();
  });
}

Status Broker::create(BrokerOptions options, std::unique_ptr<Broker>* out, Error* error) {
  uint64_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random)
    return error->fail_os("getrandom", "cannot get random bytes");
  // Numbers leave room for two bits of WatchKind and for a million million more.
  auto impl = std::make_unique<Impl>(std::move(options), (random >> 4) + 1);
  if (Status s = impl->open(error); s != Status::ok) return s;
  if (Status s = impl->start(error); s != Status::ok) return s;
  out->reset(new Broker(std::move(impl)));
  return Status::ok;
}

const std::string& Broker::socket_path() const { return impl_->socket_path; }

std::string Broker::node_config(const std::string& token_hex) const {
  return "1 " + token_hex + " " + impl_->socket_path;
}

Status Broker::add_nodes(const std::vector<BrokerNode>& nodes, std::vector<std::string>* tokens_hex, Error* error) {
  Status status = Status::ok;
  impl_->locked([&] { status = broker::add_nodes(&impl_->hub, nodes, tokens_hex, error); });
  return status;
}

void Broker::node_ended(const std::string& dataflow, const std::string& node, bool final, bool crashed) {
  impl_->locked([&] { broker::end_node(&impl_->hub, dataflow, node, final, crashed); });
}

void Broker::stop_node(const std::string& dataflow, const std::string& node, uint32_t reason, int64_t grace_ns) {
  impl_->locked([&] { broker::stop_node(&impl_->hub, dataflow, node, reason, grace_ns); });
}

void Broker::remove_dataflow(const std::string& dataflow) {
  impl_->locked([&] { broker::remove_dataflow(&impl_->hub, dataflow); });
}

bool Broker::next_event(BrokerEvent* out) {
  std::unique_lock lock(impl_->mutex);
  return impl_->hub.events.pop(out);
}

std::vector<NodeCounts> Broker::counts(const std::string& dataflow) {
  std::unique_lock lock(impl_->mutex);
  const auto found = impl_->hub.dataflows.find(dataflow);
  return found == impl_->hub.dataflows.end() ? std::vector<NodeCounts>() : broker::collect_counts(*found->second);
}

std::shared_ptr<const dora_bridge_host_t> Broker::bridge() {
  std::unique_lock lock(impl_->mutex);
  if (impl_->bridge == nullptr) impl_->bridge = std::make_shared<broker::BridgeHost>(this);
  return {impl_->bridge, impl_->bridge->table()};
}

Status Broker::claim_node(const std::string& dataflow, const std::string& node, std::string* config, Error* error) {
  std::unique_lock lock(impl_->mutex);
  std::string token_hex;
  const Status status = broker::claim_node(&impl_->hub, dataflow, node, &token_hex, error);
  if (status == Status::ok) *config = node_config(token_hex);
  return status;
}

void Broker::forget_node(const std::string& dataflow, const std::string& node) {
  impl_->locked([&] { broker::forget_node(&impl_->hub, dataflow, node); });
}

uint64_t Broker::observe(std::function<void(const BrokerEvent&)> observer) {
  std::unique_lock lock(impl_->mutex);
  return impl_->hub.events.observe(std::move(observer));
}

void Broker::unobserve(uint64_t observer) {
  std::unique_lock lock(impl_->mutex);
  impl_->hub.events.unobserve(observer);
}

}  // namespace dora
