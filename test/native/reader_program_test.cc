// Random programs against both ends of an edge (fuzz/reader_program.h), a few seconds of them, without a fuzzer: what
// must hold there is kept true in every build and under every sanitizer. The seed is fixed, so a failure comes again.
//
// The real fuzzer, guided by coverage, is `npm run test:long -- --only fuzz-reader`.
#include <random>

#include "fuzz/reader_program.h"

void dora::step(const char*) { dora::test::Program::step(); }

namespace {

/// Returns how many bytes of program were run.
uint64_t run_random(uint64_t seed, int programs) {
  std::mt19937_64 random(seed);
  uint64_t bytes_run = 0;
  for (int i = 0; i < programs; i++) {
    std::vector<uint8_t> bytes(random() % 512);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() >> random() % 64);
    dora::test::Program(bytes.data(), bytes.size()).run();
    bytes_run += bytes.size();
  }
  return bytes_run;
}

}  // namespace

TEST_CASE("random programs of honest peers and a hostile one leave the survivors safe and exact") {
  CHECK(run_random(7, 1500) > 250'000);
}
