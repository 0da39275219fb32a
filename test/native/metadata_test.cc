// Metadata entries against the bytes of test/fixtures/metadata/golden.txt, which the TypeScript codec is held to as
// well.
#include "core/metadata.h"

#include <cstring>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "doctest/doctest.h"

using dora::metadata_get;
using dora::metadata_put;
using dora::Status;

namespace {

using Bytes = std::vector<uint8_t>;

Bytes from_hex(const std::string& text) {
  Bytes bytes;
  if (text == "-") return bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

struct Put {
  std::string key;
  uint32_t type;
  Bytes value;
};
struct Case {
  std::string name;
  std::vector<Put> puts;
  Bytes blob;
};
struct Golden {
  std::vector<Case> cases;
  std::vector<std::pair<std::string, Bytes>> bad;
};

Golden read_golden() {
  Golden golden;
  std::ifstream file(std::string(__FILE__).substr(0, std::string(__FILE__).rfind("native/")) +
                     "fixtures/metadata/golden.txt");
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string verb, hex;
    words >> verb;
    if (verb == "case") golden.cases.push_back({line.substr(5), {}, {}});
    if (verb == "put") {
      Put put;
      words >> put.key >> put.type >> hex;
      put.value = from_hex(hex);
      golden.cases.back().puts.push_back(put);
    }
    if (verb == "blob") {
      words >> hex;
      golden.cases.back().blob = from_hex(hex);
    }
    if (verb == "bad") {
      words >> hex;
      golden.bad.emplace_back(line, from_hex(hex));
    }
  }
  return golden;
}

struct Found {
  Status status;
  uint32_t type = 0;
  Bytes value;
};

Found get(const Bytes& blob, const std::string& key) {
  const void* value = nullptr;
  uint64_t size = 0;
  Found found{};
  found.status = metadata_get(blob.data(), blob.size(), key, &found.type, &value, &size);
  if (found.status == Status::ok && size > 0) {
    const auto* bytes = static_cast<const uint8_t*>(value);
    found.value.assign(bytes, bytes + size);
  }
  return found;
}

}  // namespace

TEST_CASE("entries become the golden bytes, and are found in them") {
  const Golden golden = read_golden();
  REQUIRE(golden.cases.size() >= 9);
  for (const Case& c : golden.cases) {
    CAPTURE(c.name);
    Bytes buffer(DORA_MAX_METADATA);
    uint64_t size = 0;
    for (const Put& put : c.puts) {
      CHECK(metadata_put(buffer.data(), buffer.size(), &size, put.key, put.type, put.value.data(), put.value.size()) ==
            Status::ok);
    }
    CHECK(Bytes(buffer.begin(), buffer.begin() + static_cast<int64_t>(size)) == c.blob);
    for (const Put& put : c.puts) {
      const Found found = get(c.blob, put.key);
      CHECK(found.status == Status::ok);
      CHECK(found.type == put.type);
      CHECK(found.value == put.value);
    }
    CHECK(get(c.blob, "no such key").status == Status::empty);
  }
}

TEST_CASE("malformed metadata is refused, whatever key is asked for") {
  const Golden golden = read_golden();
  REQUIRE(golden.bad.size() >= 19);
  for (const auto& [name, blob] : golden.bad) {
    CAPTURE(name);
    CHECK(get(blob, "frame").status == Status::invalid_argument);
    CHECK(get(blob, "k").status == Status::invalid_argument);
  }
}

TEST_CASE("no bytes are an empty map") { CHECK(get({}, "frame").status == Status::empty); }

TEST_CASE("the last of equal keys wins") {
  const Bytes blob = from_hex(
      "01000200"
      "0101000001000000"
      "6b"
      "00"
      "0101000001000000"
      "6b"
      "01");
  CHECK(get(blob, "k").value == Bytes{1});
}

TEST_CASE("what cannot be an entry is refused and changes nothing") {
  Bytes buffer(64);
  uint64_t size = 0;
  const uint8_t one = 1;
  REQUIRE(metadata_put(buffer.data(), buffer.size(), &size, "k", DORA_META_BOOL, &one, 1) == Status::ok);
  const Bytes before = buffer;
  const uint64_t size_before = size;
  const auto put = [&](const std::string& key, uint32_t type, uint64_t value_size) {
    const Bytes value(value_size);
    return metadata_put(buffer.data(), buffer.size(), &size, key, type, value.data(), value_size);
  };
  CHECK(put("k", DORA_META_BOOL, 1) == Status::invalid_argument);  // there already
  CHECK(put("", DORA_META_BOOL, 1) == Status::invalid_argument);   // no key
  CHECK(put(std::string(256, 'x'), DORA_META_BOOL, 1) == Status::invalid_argument);
  CHECK(put("a", DORA_META_INT64, 4) == Status::invalid_argument);  // wrong length
  CHECK(put("a", 0, 1) == Status::invalid_argument);                // no such type
  CHECK(put("a", 10, 1) == Status::invalid_argument);
  CHECK(put("a", DORA_META_BYTES, 64) == Status::too_large);  // beyond the buffer
  CHECK(put("a", DORA_META_BYTES, DORA_MAX_METADATA + 1) == Status::too_large);
  CHECK(buffer == before);
  CHECK(size == size_before);
}

TEST_CASE("metadata fills up to its limit and no further") {
  Bytes buffer(2 * DORA_MAX_METADATA);
  uint64_t size = 0;
  const Bytes value(DORA_MAX_METADATA);
  const uint64_t most = DORA_MAX_METADATA - 4 - 8 - 1;
  CHECK(metadata_put(buffer.data(), buffer.size(), &size, "k", DORA_META_BYTES, value.data(), most + 1) ==
        Status::too_large);
  CHECK(metadata_put(buffer.data(), buffer.size(), &size, "k", DORA_META_BYTES, value.data(), most) == Status::ok);
  CHECK(size == DORA_MAX_METADATA);
}

TEST_CASE("damaged metadata is read inside its bounds") {
  // The bytes lie at the end of their own allocation, so that the sanitizer builds see a read beyond it.
  const Golden golden = read_golden();
  std::mt19937 random(1);
  for (int round = 0; round < 20000; round++) {
    Bytes blob = golden.cases[random() % golden.cases.size()].blob;
    for (uint32_t n = random() % 4; n > 0; n--) blob[random() % blob.size()] = static_cast<uint8_t>(random());
    blob.resize(random() % 8 == 0 ? random() % (blob.size() + 1) : blob.size());
    blob.shrink_to_fit();
    const Status status = get(blob, "frame").status;
    CHECK((status == Status::ok || status == Status::empty || status == Status::invalid_argument));
  }
}
