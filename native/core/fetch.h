// Asking for cache lines before they are used.
//
// A line that the other end of an edge has just used comes from that core's cache, which takes as long as all the rest
// of a small message. Asked for a message earlier, it is there in time. Hints: any address is allowed, nothing is read.
#pragma once

#include <cstdint>

#include "core/layout.h"

namespace dora {

inline void fetch_to_read(const void* line) { __builtin_prefetch(line); }

inline void fetch_to_write(const void* line) {
#if defined(__x86_64__)
  // What the builtin becomes by default fetches a copy to read, and the first store waits again. A processor without
  // this instruction ignores it.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const uint8_t*>(line)));
#else
  __builtin_prefetch(line, 1);
#endif
}

/// Header and start of the payload of a slot.
inline void fetch_slot_to_read(const uint8_t* base) {
  fetch_to_read(base);
  fetch_to_read(base + kLine);
}
inline void fetch_slot_to_write(const uint8_t* base) {
  fetch_to_write(base);
  fetch_to_write(base + kLine);
}

}  // namespace dora
