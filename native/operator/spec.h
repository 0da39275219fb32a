// What a runtime node is told about its operators. The daemon writes it (DORA_RUNTIME_CONFIG), lib/operator/runtime.ts
// checks it.
//
// Ids are those of the dataflow file without the operator's prefix; the node's own inputs and outputs are named
// `operator/id`. The order of inputs and outputs is that of the file, and is what indices in the operator ABI mean.
//
// There may be thousands, so a list keeps their texts one behind the other, the path of a library and the name of an
// input or output once, and forgets everything but the texts when the operators are loaded.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dora {

struct OperatorSpec {
  std::string id;
  std::string library;  ///< absolute path
  uint8_t priority = 0;
  std::vector<std::string> inputs, outputs;
};

class OperatorList {
 public:
  /// Of one operator. Texts lie in the list.
  struct Entry {
    const char* id;
    const char* library;
    const char* const* inputs;
    const char* const* outputs;
    uint32_t input_count, output_count;
    uint8_t priority;
  };

  void add(const OperatorSpec& spec);
  uint32_t size() const { return static_cast<uint32_t>(entries_.size()); }
  Entry at(uint32_t index) const;
  /// An id that two operators have; null: none.
  const char* repeated_id() const;
  /// Only the texts of ids, inputs and outputs stay, for who refers to them.
  void keep_texts();

 private:
  struct Packed {
    const char* id;
    const char* library;
    uint32_t names, input_count, output_count;
    uint8_t priority;
  };

  const char* store(std::string_view text);
  const char* store_once(std::string_view text);

  std::vector<Packed> entries_;
  std::vector<const char*> names_;  // inputs, then outputs, of one operator after the other
  std::unordered_map<std::string_view, const char*> once_;
  std::vector<std::unique_ptr<char[]>> chunks_;
  char* chunk_end_ = nullptr;  // of the last chunk
  size_t left_ = 0;            // bytes before it that are free
};

}  // namespace dora
