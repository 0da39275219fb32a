// Texts of thousands of operators. See spec.h.
#include "operator/spec.h"

#include <algorithm>
#include <cstring>

namespace dora {
namespace {
constexpr size_t kChunk = 16 * 1024;
}  // namespace

const char* OperatorList::store(std::string_view text) {
  const size_t size = text.size() + 1;
  if (size > left_) {
    left_ = std::max(kChunk, size);
    // Not cleared: it is written before it is read.
    chunks_.push_back(std::unique_ptr<char[]>(new char[left_]));
    chunk_end_ = chunks_.back().get() + left_;
  }
  char* at = chunk_end_ - left_;
  memcpy(at, text.data(), text.size());
  at[text.size()] = '\0';
  left_ -= size;
  return at;
}

const char* OperatorList::store_once(std::string_view text) {
  const auto known = once_.find(text);
  if (known != once_.end()) return known->second;
  const char* stored = store(text);
  once_.emplace(std::string_view(stored, text.size()), stored);
  return stored;
}

void OperatorList::add(const OperatorSpec& spec) {
  entries_.push_back({store(spec.id), store_once(spec.library), static_cast<uint32_t>(names_.size()),
                      static_cast<uint32_t>(spec.inputs.size()), static_cast<uint32_t>(spec.outputs.size()),
                      spec.priority});
  for (const std::string& name : spec.inputs) names_.push_back(store_once(name));
  for (const std::string& name : spec.outputs) names_.push_back(store_once(name));
}

OperatorList::Entry OperatorList::at(uint32_t index) const {
  const Packed& entry = entries_[index];
  const char* const* inputs = names_.data() + entry.names;
  return {entry.id,          entry.library,      inputs,        inputs + entry.input_count,
          entry.input_count, entry.output_count, entry.priority};
}

const char* OperatorList::repeated_id() const {
  std::vector<std::string_view> ids;
  ids.reserve(entries_.size());
  for (const Packed& entry : entries_) ids.emplace_back(entry.id);
  std::sort(ids.begin(), ids.end());
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  return twice == ids.end() ? nullptr : twice->data();
}

void OperatorList::keep_texts() {
  entries_ = {};
  names_ = {};
  once_ = {};
}

}  // namespace dora
