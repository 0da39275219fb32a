// Keeping memory of this process in RAM: no page of it is swapped out, or thrown away to be read again from its file.
//
// Called once while a node joins whose dataflow file says `realtime: { lock_memory: true }`, after its pools are
// mapped. A runtime with a heap of its own is left to manage that heap: V8 gives pages back in a way that locked memory
// refuses, and ends the process when it does. What is locked there is everything that lies in files and in shared
// memory, which is all that a machine without swap could take away.
//
// Without CAP_IPC_LOCK a process may lock as much as RLIMIT_MEMLOCK says, and every later mapping beyond that fails; a
// node that joined and then cannot map its next edge is worse than one whose memory is not locked, so anything less
// than no limit is refused here.
#pragma once

namespace dora {

/// 0: what is mapped is locked and in RAM, and so will be whatever is mapped later. Else an errno; nothing is locked.
/// `but_heap`: private memory without a file, such as a heap, is left out.
int lock_memory(bool but_heap);

}  // namespace dora
