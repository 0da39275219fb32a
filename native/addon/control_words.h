// The words that native and JavaScript side share, as in lib/native/binding.ts (Control, Waiting, Field, Flag, Limits,
// EventKind).
//
// A typed array costs JavaScript a few instructions where a call or an object would cost a hundred nanoseconds. Both
// sides touch these words on the JS thread only. test/unit/node/parts.test.ts reads both files and fails when they
// differ.
#pragma once

#include <cstdint>

namespace dora::addon::control_words {

// Control
constexpr uint32_t kWaiting = 0;
constexpr uint32_t kClockMs = 1;
constexpr uint32_t kHandle = 2;
constexpr uint32_t kReferenced = 3;
constexpr uint32_t kHolds = 4;
constexpr uint32_t kLeakedLoans = 5;
constexpr uint32_t kYield = 6;
constexpr uint32_t kSendOutput = 7;
constexpr uint32_t kSendBytes = 8;
constexpr uint32_t kSendEncoding = 9;
constexpr uint32_t kSendMetadata = 10;
constexpr uint32_t kSendFlags = 11;
constexpr uint32_t kRested = 12;
constexpr uint32_t kSleepMask = 16;
constexpr uint32_t kTakeMask = 48;
constexpr uint32_t kControlWords = 80;

// Waiting
constexpr int32_t kNobody = 0;
constexpr int32_t kAll = 1;
constexpr int32_t kMasked = 2;

// Field
constexpr uint32_t kKind = 0;
constexpr uint32_t kInput = 1;
constexpr uint32_t kReason = 2;
constexpr uint32_t kEncoding = 3;
constexpr uint32_t kSizeBytes = 4;
constexpr uint32_t kMetadataBytes = 5;
constexpr uint32_t kDataOffset = 6;
constexpr uint32_t kMetadataOffset = 7;
constexpr uint32_t kHandleField = 8;
constexpr uint32_t kDropped = 9;
constexpr uint32_t kSequenceLow = 10;
constexpr uint32_t kSequenceHigh = 11;
constexpr uint32_t kSentAtLow = 12;
constexpr uint32_t kSentAtHigh = 13;
constexpr uint32_t kGraceMs = 14;
constexpr uint32_t kStride = 16;

// Flag
constexpr uint32_t kFlagMasked = 1;
constexpr uint32_t kFlagAppend = 2;
constexpr uint32_t kFlagOnce = 4;
constexpr uint32_t kFlagArm = 8;

// Limits
constexpr uint32_t kCopiedBytes = 512;
constexpr uint32_t kSmallBytes = 4096;
constexpr uint32_t kRecords = 1024;
constexpr uint32_t kSlabBytes = 512 * 1024;

inline const uint64_t* sleep_mask(const int32_t* control) {
  return reinterpret_cast<const uint64_t*>(control + kSleepMask);
}
inline const uint64_t* take_mask(const int32_t* control) {
  return reinterpret_cast<const uint64_t*>(control + kTakeMask);
}

}  // namespace dora::addon::control_words
