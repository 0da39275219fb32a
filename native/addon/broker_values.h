// The broker's structures from and to JavaScript objects, as lib/native/binding.ts declares them.
//
// Reading is strict: a field that is missing or of another type is a TypeError that names it, so that a mistake in the
// daemon shows where it is made.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "broker/broker.h"

namespace dora::addon {

/// Reads fields of one object. After a failure, failed() is true with a TypeError pending, and further reads give
/// zeros.
class FieldReader {
 public:
  FieldReader(Napi::Value value, const char* what);
  bool failed() const { return env_.IsExceptionPending(); }

  std::string text(const char* name);
  std::string optional_text(const char* name);
  double number(const char* name);
  double optional_number(const char* name);
  bool truth(const char* name);
  bool optional_truth(const char* name);
  /// A bigint; 0 when absent.
  uint64_t optional_u64(const char* name);
  Napi::Array list(const char* name);
  Napi::Function function(const char* name);

 private:
  Napi::Value get(const char* name);
  Napi::Value wrong(const char* name, const char* expected);

  Napi::Env env_;
  Napi::Value value_;
  const char* what_;
};

bool read_broker_options(Napi::Value value, BrokerOptions* out, Napi::Function* on_events);
bool read_broker_nodes(Napi::Value value, std::vector<BrokerNode>* out);
/// A DORA_REASON_* from its name; 0 with a TypeError pending.
uint32_t read_stop_reason(Napi::Value value);
Napi::Object to_object(Napi::Env env, const BrokerEvent& event);
Napi::Object to_object(Napi::Env env, const NodeCounts& counts);

}  // namespace dora::addon
