// Writing and reading of metadata entries. See metadata.h for the layout.
#include "core/metadata.h"

#include <cstring>

namespace dora {

namespace {

constexpr uint64_t kHead = 4;
constexpr uint64_t kEntryHead = 8;
constexpr uint8_t kVersion = 1;

template <class T>
T load(const uint8_t* at) {
  T value;
  memcpy(&value, at, sizeof value);
  return value;
}

template <class T>
void store(uint8_t* at, T value) {
  memcpy(at, &value, sizeof value);
}

/// One entry as it lies in a blob.
struct Entry {
  uint32_t type = 0;
  std::string_view key;
  const uint8_t* value = nullptr;
  uint64_t value_size = 0;
};

bool strings_fit(const uint8_t* value, uint64_t size) {
  uint64_t at = 0;
  while (at < size) {
    if (size - at < 4) return false;
    const uint64_t length = load<uint32_t>(value + at);
    if (length > size - at - 4) return false;
    at += 4 + length;
  }
  return true;
}

bool value_fits(uint32_t type, const uint8_t* value, uint64_t size) {
  switch (type) {
    case DORA_META_BOOL: return size == 1;
    case DORA_META_INT64:
    case DORA_META_FLOAT64: return size == 8;
    case DORA_META_STRING:
    case DORA_META_BYTES:
    case DORA_META_LIST_BOOL: return true;
    case DORA_META_LIST_INT64:
    case DORA_META_LIST_FLOAT64: return size % 8 == 0;
    case DORA_META_LIST_STRING: return strings_fit(value, size);
    default: return false;
  }
}

/// Walks a blob's entries: next() until false, then ok() says whether the blob ended where it should.
class Walk {
 public:
  Walk(const uint8_t* blob, uint64_t size) : blob_(blob), size_(size) {
    ok_ = size <= DORA_MAX_METADATA && (size == 0 || (size >= kHead && blob[0] == kVersion && blob[1] == 0));
    if (!ok_ || size == 0) return;
    left_ = load<uint16_t>(blob + 2);
    at_ = kHead;
  }

  bool next(Entry* out) {
    if (!ok_) return false;
    if (left_ == 0) {
      ok_ = at_ == size_;
      return false;
    }
    ok_ = read(out);
    left_--;
    return ok_;
  }

  bool ok() const { return ok_; }

 private:
  bool read(Entry* out) {
    if (size_ - at_ < kEntryHead) return false;
    const uint8_t* head = blob_ + at_;
    const uint64_t key_size = head[1];
    const uint64_t value_size = load<uint32_t>(head + 4);
    if (key_size == 0 || load<uint16_t>(head + 2) != 0) return false;
    if (key_size + value_size > size_ - at_ - kEntryHead) return false;
    out->type = head[0];
    out->key = {reinterpret_cast<const char*>(head + kEntryHead), key_size};
    out->value = head + kEntryHead + key_size;
    out->value_size = value_size;
    at_ += kEntryHead + key_size + value_size;
    return value_fits(out->type, out->value, value_size);
  }

  const uint8_t* blob_;
  uint64_t size_;
  uint64_t at_ = 0;
  uint32_t left_ = 0;
  bool ok_ = false;
};

}  // namespace

Status metadata_put(uint8_t* buffer, uint64_t capacity, uint64_t* size, std::string_view key, uint32_t type,
                    const void* value, uint64_t value_size) {
  if (key.empty() || key.size() > 255 || *size > capacity) return Status::invalid_argument;
  if (value_size > DORA_MAX_METADATA) return Status::too_large;
  if (!value_fits(type, static_cast<const uint8_t*>(value), value_size)) return Status::invalid_argument;

  uint16_t count = 0;
  Walk walk(buffer, *size);
  for (Entry entry; walk.next(&entry); count++) {
    if (entry.key == key) return Status::invalid_argument;
  }
  if (!walk.ok()) return Status::invalid_argument;

  uint64_t at = *size == 0 ? kHead : *size;
  const uint64_t end = at + kEntryHead + key.size() + value_size;
  if (end > capacity || end > DORA_MAX_METADATA) return Status::too_large;

  buffer[0] = kVersion;
  buffer[1] = 0;
  store(buffer + 2, static_cast<uint16_t>(count + 1));
  buffer[at] = static_cast<uint8_t>(type);
  buffer[at + 1] = static_cast<uint8_t>(key.size());
  store(buffer + at + 2, uint16_t{0});
  store(buffer + at + 4, static_cast<uint32_t>(value_size));
  at += kEntryHead;
  memcpy(buffer + at, key.data(), key.size());
  if (value_size > 0) memcpy(buffer + at + key.size(), value, value_size);
  *size = end;
  return Status::ok;
}

Status metadata_get(const uint8_t* blob, uint64_t size, std::string_view key, uint32_t* type, const void** value,
                    uint64_t* value_size) {
  bool found = false;
  Walk walk(blob, size);
  for (Entry entry; walk.next(&entry);) {
    if (entry.key != key) continue;
    found = true;
    *type = entry.type;
    *value = entry.value;
    *value_size = entry.value_size;
  }
  if (!walk.ok()) return Status::invalid_argument;
  return found ? Status::ok : Status::empty;
}

}  // namespace dora
