// The words a process dies with when it stored into what it received.
//
// Received payloads are mapped read-only, which JavaScript cannot express: a store is a SIGSEGV. The handler looks the
// address up in native/node's fault table; if it lies in received memory it says which input and what to do, and the
// process ends by that signal. Any other fault goes to the handler that was there before (V8's for WebAssembly, the
// runtime's for operators).
#pragma once

namespace dora::addon {

/// Once per process; later calls do nothing.
void install_fault_handler();

}  // namespace dora::addon
