// Each way in which a library is no operator: its own code, what is wrong by name, and a way out.
#include "operator/loader.h"

#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "operator_harness.h"

using namespace dora;
using namespace dora::test;

namespace {

RuntimeError refused(const std::string& path) {
  RuntimeError error;
  const dora_operator_entry_t* entry = nullptr;
  REQUIRE_FALSE(load_operator("sobel", path, &entry, &error));
  CHECK(entry == nullptr);
  CHECK(error.message.find("\"sobel\"") != std::string::npos);
  CHECK(error.message.find(path) != std::string::npos);
  CHECK_FALSE(error.hint.empty());
  return error;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A file of the test's own that is removed with it.
struct TempFile {
  explicit TempFile(const std::string& content) {
    const int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    close(fd);
    std::ofstream(path, std::ios::binary) << content;
  }
  ~TempFile() { unlink(path); }
  char path[40] = "/tmp/dora-operator-XXXXXX";
};

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("an operator loads, and again for a second instance") {
  for (int i = 0; i < 2; i++) {
    RuntimeError error;
    const dora_operator_entry_t* entry = nullptr;
    REQUIRE_MESSAGE(load_operator("a", library("op_double"), &entry, &error), error.message);
    CHECK(entry->abi_major == DORA_OPERATOR_ABI_MAJOR);
    const bool callable = entry->on_event != nullptr;
    CHECK(callable);
  }
}

TEST_CASE("a file that is not there") {
  const RuntimeError error = refused("/nowhere/libsobel.so");
  CHECK(error.code == "OPERATOR_FILE_MISSING");
  CHECK(has(error.message, "No such file"));
  CHECK(has(error.hint, "Build it"));
}

TEST_CASE("a file that is no library: text, a folder, half a library, another machine's") {
  const TempFile text("#!/bin/sh\necho this is a script that is long enough to have a head of its own\n");
  CHECK(refused(text.path).code == "OPERATOR_NOT_A_LIBRARY");
  const TempFile empty("");
  CHECK(refused(empty.path).code == "OPERATOR_NOT_A_LIBRARY");
  CHECK(refused("/tmp").code == "OPERATOR_NOT_A_LIBRARY");
  std::string bytes = bytes_of(library("op_double"));
  const TempFile half(bytes.substr(0, 100));
  CHECK(refused(half.path).code == "OPERATOR_NOT_A_LIBRARY");
  bytes[18] = 8;  // e_machine: MIPS
  bytes[19] = 0;
  const TempFile foreign(bytes);
  CHECK(refused(foreign.path).code == "OPERATOR_NOT_A_LIBRARY");
}

TEST_CASE("a library that exports no entry") {
  const RuntimeError error = refused(library("op_no_entry"));
  CHECK(error.code == "OPERATOR_NO_ENTRY");
  CHECK(has(error.message, "dora_operator_entry"));
}

TEST_CASE("a library of a newer ABI says both versions") {
  const RuntimeError error = refused(library("op_too_new"));
  CHECK(error.code == "OPERATOR_ABI_MISMATCH");
  CHECK(has(error.message, "0.2"));
  CHECK(has(error.message, "0.1"));
  CHECK(has(error.hint, "Update dora-ts"));
}

TEST_CASE("an undefined symbol is named, a C++ one as it is written") {
  const RuntimeError error = refused(library("op_undefined_symbol"));
  CHECK(error.code == "OPERATOR_UNDEFINED_SYMBOL");
  CHECK(has(error.message, "nobody_defines_this"));
  // The same library with another name for the symbol, of the same length.
  std::string bytes = bytes_of(library("op_undefined_symbol"));
  const std::string from = "nobody_defines_this", to = "_ZN5robot7missingEv";
  REQUIRE(from.size() == to.size());
  for (size_t at = bytes.find(from); at != std::string::npos; at = bytes.find(from, at))
    bytes.replace(at, from.size(), to);
  const TempFile renamed(bytes);
  CHECK(has(refused(renamed.path).message, "robot::missing()"));
}

TEST_CASE("a library that it was linked with is missing") {
  std::string bytes = bytes_of(library("op_crash"));
  const std::string from = "libc.so.6", to = "libX.so.9";
  REQUIRE(bytes.find(from) != std::string::npos);
  for (size_t at = bytes.find(from); at != std::string::npos; at = bytes.find(from, at))
    bytes.replace(at, from.size(), to);
  const TempFile broken(bytes);
  const RuntimeError error = refused(broken.path);
  CHECK(error.code == "OPERATOR_DEPENDENCY_MISSING");
  CHECK(has(error.message, "libX.so.9"));
}

TEST_CASE("the head of an entry is checked field by field") {
  auto on_event = [](const dora_host_t*, void*, const dora_operator_event_t*) -> int32_t { return DORA_OK; };
  const dora_operator_entry_t good = {DORA_OPERATOR_HEAD, nullptr, on_event, nullptr};
  RuntimeError error;
  CHECK(check_operator_abi("a", "x.so", good, &error));
  dora_operator_entry_t entry = good;
  entry.struct_size = sizeof entry + 64;  // a newer structure of the same version has more behind it
  CHECK(check_operator_abi("a", "x.so", entry, &error));
  entry = good;
  entry.abi_major = DORA_OPERATOR_ABI_MAJOR + 1;
  CHECK_FALSE(check_operator_abi("a", "x.so", entry, &error));
  CHECK(has(error.message, "newer"));
  entry = good;
  entry.struct_size = 16;
  CHECK_FALSE(check_operator_abi("a", "x.so", entry, &error));
  CHECK(has(error.message, "struct_size is 16"));
  entry = good;
  entry.on_event = nullptr;
  CHECK_FALSE(check_operator_abi("a", "x.so", entry, &error));
  CHECK(has(error.message, "on_event is NULL"));
  CHECK(error.code == "OPERATOR_ABI_MISMATCH");
}
