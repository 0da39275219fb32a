// The binary form of a message's metadata: written and read entry by entry, without allocation.
//
//   u8 version = 1, u8 0, u16 count; then per entry: u8 type (DORA_META_*), u8 key length (1..255), u16 0, u32 value
//   length, key (utf8), value bool 1 byte; int64, float64 8 bytes; string utf8; bytes; lists of bool, int64, float64
//   back to back; list of string: u32 length + bytes each
//
// Little endian, no alignment, at most DORA_MAX_METADATA bytes in all; no bytes at all is an empty map.
// lib/message/metadata.ts is the other implementation; test/fixtures/metadata/golden.txt holds both to the same bytes.
// A blob that was received is hostile: metadata_get() checks every length against what is there, walks the whole blob,
// and lets the last of equal keys win, as the TypeScript decoder does. Callers: dora_metadata_put(),
// dora_metadata_get() (native/node), C operators' host functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/status.h"

namespace dora {

/// Appends one entry to `buffer`, of which `*size` bytes are used (0: nothing yet; then the head is written too).
/// invalid_argument: type unknown, value's length does not fit its type, key empty or too long or there already, or the
/// blob so far is malformed. too_large: does not fit `capacity` or DORA_MAX_METADATA; the buffer is unchanged.
Status metadata_put(uint8_t* buffer, uint64_t capacity, uint64_t* size, std::string_view key, uint32_t type,
                    const void* value, uint64_t value_size);

/// Finds an entry; `*value` points into the blob. ok, empty (none of that name), invalid_argument (the blob is
/// malformed).
Status metadata_get(const uint8_t* blob, uint64_t size, std::string_view key, uint32_t* type, const void** value,
                    uint64_t* value_size);

}  // namespace dora
