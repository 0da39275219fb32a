// Which received memory an address belongs to: the words for a process that stored into what it only may read.
//
// A signal handler must neither lock nor allocate, so the regions stand in a fixed table of atomics: writers claim an
// entry with a lock of their own, the handler only reads. More regions than the table has are simply not described.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dora {

/// Registers a read-only region with the words for people, such as `input "image" of node "plot"`. Returns an entry, or
/// -1 when the table is full.
int add_fault_region(const void* base, uint64_t size, const char* description);
void remove_fault_region(int entry);

/// [async-signal-safe] True when `address` lies in a registered region: `out` then has its description, terminated.
bool describe_fault(const void* address, char* out, size_t size);

}  // namespace dora
