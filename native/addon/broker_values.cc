// See broker_values.h.
#include "addon/broker_values.h"

namespace dora::addon {

FieldReader::FieldReader(Napi::Value value, const char* what) : env_(value.Env()), value_(value), what_(what) {
  if (!value.IsObject())
    Napi::TypeError::New(env_, std::string(what) + " must be an object").ThrowAsJavaScriptException();
}

Napi::Value FieldReader::get(const char* name) {
  if (failed()) return env_.Undefined();
  return value_.As<Napi::Object>().Get(name);
}

Napi::Value FieldReader::wrong(const char* name, const char* expected) {
  if (!failed()) {
    Napi::TypeError::New(env_, std::string(what_) + "." + name + " must be " + expected).ThrowAsJavaScriptException();
  }
  return env_.Undefined();
}

std::string FieldReader::text(const char* name) {
  const Napi::Value value = get(name);
  if (value.IsString()) return value.As<Napi::String>().Utf8Value();
  wrong(name, "a string");
  return {};
}

std::string FieldReader::optional_text(const char* name) {
  return get(name).IsUndefined() ? std::string() : text(name);
}

double FieldReader::number(const char* name) {
  const Napi::Value value = get(name);
  if (value.IsNumber()) return value.As<Napi::Number>().DoubleValue();
  wrong(name, "a number");
  return 0;
}

double FieldReader::optional_number(const char* name) { return get(name).IsUndefined() ? 0 : number(name); }

bool FieldReader::truth(const char* name) {
  const Napi::Value value = get(name);
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  wrong(name, "a boolean");
  return false;
}

uint64_t FieldReader::optional_u64(const char* name) {
  const Napi::Value value = get(name);
  if (value.IsUndefined()) return 0;
  bool lossless = false;
  if (value.IsBigInt()) return value.As<Napi::BigInt>().Uint64Value(&lossless);
  wrong(name, "a bigint");
  return 0;
}

bool FieldReader::optional_truth(const char* name) { return get(name).IsUndefined() ? false : truth(name); }

Napi::Array FieldReader::list(const char* name) {
  const Napi::Value value = get(name);
  if (value.IsArray()) return value.As<Napi::Array>();
  wrong(name, "an array");
  return Napi::Array::New(env_);
}

Napi::Function FieldReader::function(const char* name) {
  const Napi::Value value = get(name);
  if (value.IsFunction()) return value.As<Napi::Function>();
  wrong(name, "a function");
  return Napi::Function();
}

// ---- from JavaScript ------------------------------------------------------------------------------------------------

bool read_broker_options(Napi::Value value, BrokerOptions* out, Napi::Function* on_events) {
  FieldReader read(value, "options");
  out->runtime_folder = read.text("runtimeFolder");
  out->memory_limit = static_cast<uint64_t>(read.optional_number("memoryLimitBytes"));
  out->nodes_outlive = read.truth("nodesOutlive");
  out->grace_ns = static_cast<uint64_t>(read.number("graceMs") * 1e6);
  *on_events = read.function("onEvents");
  return !read.failed();
}

static bool read_input(Napi::Value value, BrokerInput* out) {
  FieldReader read(value, "input");
  out->id = read.text("id");
  const std::string kind = read.text("kind");
  const std::string policy = read.text("policy");
  out->kind = kind == "timer"   ? wire::InputKind::timer
              : kind == "local" ? wire::InputKind::local
                                : wire::InputKind::edge;
  out->policy = policy == "backpressure" ? Policy::backpressure : Policy::drop_oldest;
  out->source_node = read.optional_text("sourceNode");
  out->source_output = read.optional_text("sourceOutput");
  out->source_text = read.text("sourceText");
  out->period_ns = read.optional_u64("periodNs");
  out->queue_size = static_cast<uint32_t>(read.number("queueSize"));
  out->priority = static_cast<uint32_t>(read.number("priority"));
  out->timeout_ns = read.optional_u64("timeoutNs");
  if (!read.failed() && kind != "edge" && kind != "timer" && kind != "local") {
    Napi::TypeError::New(value.Env(), "input.kind must be edge, timer or local").ThrowAsJavaScriptException();
  }
  if (!read.failed() && policy != "drop_oldest" && policy != "backpressure") {
    Napi::TypeError::New(value.Env(), "input.policy must be drop_oldest or backpressure").ThrowAsJavaScriptException();
  }
  return !read.failed();
}

static bool read_output(Napi::Value value, BrokerOutput* out) {
  FieldReader read(value, "output");
  out->id = read.text("id");
  out->retain = static_cast<uint32_t>(read.number("retain"));
  return !read.failed();
}

static bool read_node(Napi::Value value, BrokerNode* out) {
  FieldReader read(value, "node");
  out->dataflow = read.text("dataflow");
  out->node = read.text("node");
  out->restart_count = static_cast<uint32_t>(read.number("restartCount"));
  out->barrier = read.truth("barrier");
  out->memory_limit = static_cast<uint64_t>(read.number("memoryLimitBytes"));
  out->lock_memory = read.optional_truth("lockMemory");
  const Napi::Array inputs = read.list("inputs");
  const Napi::Array outputs = read.list("outputs");
  if (read.failed()) return false;
  out->inputs.resize(inputs.Length());
  for (uint32_t i = 0; i < inputs.Length(); i++) {
    if (!read_input(inputs.Get(i), &out->inputs[i])) return false;
  }
  out->outputs.resize(outputs.Length());
  for (uint32_t i = 0; i < outputs.Length(); i++) {
    if (!read_output(outputs.Get(i), &out->outputs[i])) return false;
  }
  return true;
}

bool read_broker_nodes(Napi::Value value, std::vector<BrokerNode>* out) {
  if (!value.IsArray()) {
    Napi::TypeError::New(value.Env(), "addNodes() takes an array").ThrowAsJavaScriptException();
    return false;
  }
  const auto nodes = value.As<Napi::Array>();
  out->resize(nodes.Length());
  for (uint32_t i = 0; i < nodes.Length(); i++) {
    if (!read_node(nodes.Get(i), &(*out)[i])) return false;
  }
  return true;
}

uint32_t read_stop_reason(Napi::Value value) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
  if (name == "user") return DORA_REASON_USER;
  if (name == "allInputsClosed") return DORA_REASON_ALL_INPUTS_CLOSED;
  if (name == "failure") return DORA_REASON_FAILURE;
  if (name == "shutdown") return DORA_REASON_SHUTDOWN;
  Napi::TypeError::New(value.Env(), "reason must be user, allInputsClosed, failure or shutdown")
      .ThrowAsJavaScriptException();
  return DORA_REASON_NONE;
}

// ---- to JavaScript --------------------------------------------------------------------------------------------------

static const char* kind_name(BrokerEvent::Kind kind) {
  switch (kind) {
    case BrokerEvent::Kind::joined: return "joined";
    case BrokerEvent::Kind::started: return "started";
    case BrokerEvent::Kind::left: return "left";
    case BrokerEvent::Kind::lost: return "lost";
    case BrokerEvent::Kind::request_stop: return "requestStop";
    case BrokerEvent::Kind::corrupt: return "corrupt";
    case BrokerEvent::Kind::refused: return "refused";
    case BrokerEvent::Kind::exhausted: return "exhausted";
    case BrokerEvent::Kind::unlocked: return "unlocked";
  }
  return "corrupt";
}

Napi::Object to_object(Napi::Env env, const BrokerEvent& event) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", kind_name(event.kind));
  object.Set("dataflow", event.dataflow);
  object.Set("node", event.node);
  object.Set("text", event.text);
  object.Set("pid", event.pid);
  return object;
}

Napi::Object to_object(Napi::Env env, const NodeCounts& counts) {
  const auto big = [env](uint64_t value) { return Napi::BigInt::New(env, value); };
  Napi::Array inputs = Napi::Array::New(env);
  for (const InputCounts& input : counts.inputs) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("id", input.id);
    entry.Set("source", input.source);
    entry.Set("sent", big(input.sent));
    entry.Set("received", big(input.received));
    entry.Set("dropped", big(input.dropped));
    entry.Set("inFlight", big(input.in_flight));
    entry.Set("lost", big(input.lost));
    inputs.Set(inputs.Length(), entry);
  }
  Napi::Array outputs = Napi::Array::New(env);
  for (const OutputCounts& output : counts.outputs) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("id", output.id);
    entry.Set("sent", big(output.sent));
    entry.Set("bytes", big(output.bytes));
    outputs.Set(outputs.Length(), entry);
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("node", counts.node);
  object.Set("inputs", inputs);
  object.Set("outputs", outputs);
  object.Set("memoryGrantedBytes", static_cast<double>(counts.memory_granted));
  return object;
}

}  // namespace dora::addon
