// The libFuzzer target `reader_fuzz`: its bytes are a program of reader_program.h, under the address and undefined
// behaviour sanitizers. Built by the CMake option DORA_FUZZ with clang, run by `npm run test:long -- --only
// fuzz-reader`. `reader_fuzz FILE` replays one input.
#define DOCTEST_CONFIG_IMPLEMENT  // edge_pair.h asserts by doctest
#include "fuzz/reader_program.h"

void dora::step(const char*) { dora::test::Program::step(); }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static doctest::Context* const context = [] {
    auto* made = new doctest::Context;
    made->setAsDefaultForAssertsOutOfTestCases();
    return made;
  }();
  (void)context;
  dora::test::Program(data, size).run();
  return 0;
}
