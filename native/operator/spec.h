// What a runtime node is told about one operator. The daemon writes it (DORA_RUNTIME_CONFIG), lib/operator/runtime.ts
// checks it.
//
// Ids are those of the dataflow file without the operator's prefix; the node's own inputs and outputs are named
// `operator/id`. The order of inputs and outputs is that of the file, and is what indices in the operator ABI mean.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dora {

struct OperatorSpec {
  std::string id;
  std::string library;  ///< absolute path
  uint8_t priority = 0;
  std::vector<std::string> inputs, outputs;
};

}  // namespace dora
