// The words a process dies with when it stored into what it received.
//
// Received payloads are mapped read-only, which neither JavaScript nor a cast in C can be kept from ignoring: a store
// is a SIGSEGV. The handler looks the address up in the table of fault.h; if it lies in received memory it says which
// input and what to do. Then the signal takes its way as if we were not there: to the handler before us (a crash
// reporter), else it ends the process. Any other fault goes to that handler at once (V8's for WebAssembly, the
// runtime's for operators). Installed by each language's face of Node when it connects.
#pragma once

namespace dora {

/// Once per process; later calls do nothing. `way_out` says how to get a copy in the language of the caller, and must
/// live for ever.
void install_fault_handler(const char* way_out);

}  // namespace dora
