// Small integers that stand for native things in JavaScript: samples and loans.
//
// A handle is valid from add() to remove(); the most recently freed number is given out first, so what is touched is
// warm. Entries never move. A number that stands for nothing is found and refused, so that a mistake in our TypeScript
// cannot give a slot back twice.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

namespace dora::addon {

template <class T>
class HandleTable {
 public:
  /// An entry that has what its last user left there. Its address is good until remove().
  T* add(uint32_t* handle) {
    if (free_.empty()) {
      *handle = static_cast<uint32_t>(entries_.size());
      entries_.emplace_back();
    } else {
      *handle = free_.back();
      free_.pop_back();
    }
    Entry& entry = entries_[*handle];
    entry.used = true;
    return &entry.value;
  }
  /// Null when the handle stands for nothing.
  T* get(uint32_t handle) {
    if (handle >= entries_.size() || !entries_[handle].used) return nullptr;
    return &entries_[handle].value;
  }
  /// Of a handle that get() found.
  void remove(uint32_t handle) {
    entries_[handle].used = false;
    free_.push_back(handle);
  }
  template <class F>
  void remove_all(F each) {
    for (uint32_t handle = 0; handle < entries_.size(); handle++) {
      if (T* value = get(handle)) {
        each(*value);
        remove(handle);
      }
    }
  }

 private:
  struct Entry {
    T value;
    bool used = false;
  };
  std::deque<Entry> entries_;
  std::vector<uint32_t> free_;
};

}  // namespace dora::addon
