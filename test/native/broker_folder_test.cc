// The socket's folder: private whatever the umask, safe against other users, and nothing left behind.
#include <sys/file.h>

#include "broker_harness.h"

using namespace dora;
using namespace dora::test;

namespace {

std::unique_ptr<Broker> make(const std::string& folder, Error* error) {
  BrokerOptions options;
  options.runtime_folder = folder;
  options.memory_limit = 1 << 20;
  std::unique_ptr<Broker> broker;
  Broker::create(options, &broker, error);
  return broker;
}

mode_t mode_of(const std::string& path) {
  struct stat info{};
  REQUIRE(lstat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

std::string outer_of(const TempFolder& folder) { return folder.path() + "/dora-" + std::to_string(geteuid()); }

void write_file(const std::string& path) { close(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)); }

}  // namespace

TEST_CASE("folders are private whatever the umask, and gone with the broker") {
  for (const mode_t mask : {0000, 0022, 0777}) {
    CAPTURE(mask);
    TempFolder folder;
    Error error;
    const mode_t before = umask(mask);
    auto broker = make(folder.path(), &error);
    umask(before);
    REQUIRE_MESSAGE(broker != nullptr, error.message);
    const std::string socket = broker->socket_path();
    const std::string inner = socket.substr(0, socket.rfind('/'));
    CHECK(mode_of(outer_of(folder)) == 0700);
    CHECK(mode_of(inner) == 0700);
    CHECK(exists(socket));
    broker.reset();
    CHECK(!exists(inner));
    CHECK(!exists(outer_of(folder)));
  }
}

TEST_CASE("brokers live side by side, and the last one removes the common folder") {
  TempFolder folder;
  Error error;
  auto a = make(folder.path(), &error);
  auto b = make(folder.path(), &error);
  REQUIRE(a != nullptr);
  REQUIRE(b != nullptr);
  CHECK(a->socket_path() != b->socket_path());
  CHECK(exists(a->socket_path()));
  a.reset();
  CHECK(exists(b->socket_path()));
  b.reset();
  CHECK(!exists(outer_of(folder)));
}

TEST_CASE("what a killed broker left is removed by the next; what is not ours is not touched") {
  TempFolder folder;
  Error error;
  auto keep = make(folder.path(), &error);
  REQUIRE(keep != nullptr);
  const std::string outer = outer_of(folder);
  const std::string killed = outer + "/4000000-00c0ffee", half_made = outer + "/4000001-0", other = outer + "/notes";
  for (const auto& path : {killed, half_made, other}) REQUIRE(mkdir(path.c_str(), 0700) == 0);
  write_file(killed + "/lock");
  write_file(killed + "/broker.sock");
  write_file(other + "/lock");
  auto next = make(folder.path(), &error);
  REQUIRE(next != nullptr);
  CHECK(!exists(killed));
  CHECK(!exists(half_made));
  CHECK(exists(other + "/lock"));
  CHECK(exists(keep->socket_path()));
  unlink((other + "/lock").c_str());
  rmdir(other.c_str());
}

TEST_CASE("a broker killed by SIGKILL leaves a folder that the next one removes") {
  TempFolder folder;
  int ready[2];
  REQUIRE(pipe2(ready, O_CLOEXEC) == 0);
  const pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    // No other thread exists in this test at the fork.
    Error error;
    auto broker = make(folder.path(), &error);
    const std::string path = broker != nullptr ? broker->socket_path() : "";
    if (write(ready[1], path.c_str(), path.size()) < 0) _exit(1);
    for (;;) pause();
  }
  char buffer[256] = {};
  pollfd look{ready[0], POLLIN, 0};
  REQUIRE(poll(&look, 1, kPatienceMs) == 1);
  const ssize_t got = read(ready[0], buffer, sizeof buffer - 1);
  REQUIRE(got > 0);
  const std::string left(buffer);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  CHECK(exists(left));
  Error error;
  auto next = make(folder.path(), &error);
  REQUIRE(next != nullptr);
  CHECK(!exists(left));
  close(ready[0]);
  close(ready[1]);
}

TEST_CASE("a folder that others can enter, or that is a link, is not used, and the message says what to do") {
  TempFolder folder;
  const std::string outer = outer_of(folder);
  Error error;
  REQUIRE(mkdir(outer.c_str(), 0700) == 0);
  REQUIRE(chmod(outer.c_str(), 0755) == 0);
  CHECK(make(folder.path(), &error) == nullptr);
  CHECK(error.hint.find("chmod 700") != std::string::npos);
  rmdir(outer.c_str());
  REQUIRE(symlink("/tmp", outer.c_str()) == 0);
  CHECK(make(folder.path(), &error) == nullptr);
  CHECK(error.message.find("link") != std::string::npos);
  unlink(outer.c_str());
  CHECK(make(folder.path() + "/missing", &error) == nullptr);
  CHECK(!error.hint.empty());
}

TEST_CASE("a runtime folder whose path is too long for a socket is refused, and nothing is left in it") {
  TempFolder folder;
  const std::string deep = folder.path() + "/" + std::string(100, 'x');
  REQUIRE(mkdir(deep.c_str(), 0700) == 0);
  Error error;
  CHECK(make(deep, &error) == nullptr);
  CHECK(error.hint.find("shorter") != std::string::npos);
  CHECK(rmdir(deep.c_str()) == 0);
}
