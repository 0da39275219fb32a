// Small integers that stand for native things in JavaScript: samples and loans.
//
// A handle is valid from put() to take(); the most recently freed number is given out first. A number that stands for
// nothing is found and refused, so that a mistake in our TypeScript cannot give a slot back twice.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace dora::addon {

template <class T>
class HandleTable {
 public:
  uint32_t put(T value) {
    if (free_.empty()) {
      entries_.push_back({std::move(value), true});
      return static_cast<uint32_t>(entries_.size() - 1);
    }
    const uint32_t handle = free_.back();
    free_.pop_back();
    entries_[handle] = {std::move(value), true};
    return handle;
  }
  /// Null when the handle stands for nothing. Valid until the next put().
  T* get(uint32_t handle) {
    if (handle >= entries_.size() || !entries_[handle].used) return nullptr;
    return &entries_[handle].value;
  }
  bool take(uint32_t handle, T* out) {
    T* found = get(handle);
    if (found == nullptr) return false;
    *out = std::move(*found);
    entries_[handle].used = false;
    free_.push_back(handle);
    return true;
  }
  template <class F>
  void take_all(F each) {
    for (uint32_t handle = 0; handle < entries_.size(); handle++) {
      T value;
      if (take(handle, &value)) each(value);
    }
  }

 private:
  struct Entry {
    T value;
    bool used;
  };
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;
};

}  // namespace dora::addon
