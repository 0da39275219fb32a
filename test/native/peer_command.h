// What starts another program of the tests: a file beside the test program, by execve.
//
// Where the tests run under an emulator of another processor (test/long/arm.mjs), their peers must too:
// DORA_TEST_EMULATOR has its words, separated by spaces, and they come before the program's own. Made before fork():
// exec() allocates nothing.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace dora::test {

class PeerCommand {
 public:
  /// `program`: a path; `arguments`: without the program's name.
  explicit PeerCommand(const std::string& program, std::vector<std::string> arguments = {}) {
    const char* emulator = getenv("DORA_TEST_EMULATOR");
    std::istringstream words(emulator == nullptr ? "" : emulator);
    for (std::string word; words >> word;) words_.push_back(word);
    words_.push_back(program);
    for (std::string& argument : arguments) words_.push_back(std::move(argument));
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
  }
  PeerCommand(const PeerCommand&) = delete;
  PeerCommand& operator=(const PeerCommand&) = delete;

  /// Becomes the program, with this process's environment or another; ends the process with 127 when it cannot.
  [[noreturn]] void exec(char* const* environment = environ) const {
    // An emulator is looked for on PATH, a program of ours is a path.
    execvpe(pointers_[0], pointers_.data(), environment);
    _exit(127);
  }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

}  // namespace dora::test
