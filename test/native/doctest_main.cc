// main() of every C++ test: CMakeLists.txt puts it into a static library, so that a test file holds test cases only.
// (A test that defines its own main, with doctest's implementation, keeps it: the linker then leaves this one out.)
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "doctest/doctest.h"
