// Wires a runtime's operators to the node's inputs and outputs, and to each other. See scheduler.h.
//
// The daemon tells the node its inputs and outputs (named `operator/id`) and the runtime its operators; both come from
// one resolved dataflow, so a difference is a bug of ours (INTERNAL). What can be the author's mistake is a ring of
// backpressure inputs between operators: each waits for the next, and once every queue is full nobody ever moves. It is
// refused at the start, with the ring's names.
#include <string_view>
#include <unordered_map>

#include "operator/scheduler.h"

namespace dora {
namespace {

constexpr uint32_t kSpareSlots = 256;

/// The node's inputs or outputs by name. The daemon tells both in the order of the file, so the next one is looked at
/// first; an index is made only where that fails.
template <class Info>
class Names {
 public:
  explicit Names(const std::vector<Info>& infos) : infos_(infos) {}

  /// Index of `operator/id`, or -1.
  int64_t find(const Operator& op, const char* id) {
    name_.assign(op.id).append("/").append(id);
    if (next_ < infos_.size() && infos_[next_].id == name_) return next_++;
    if (index_.empty()) {
      for (uint32_t i = 0; i < infos_.size(); i++) index_.emplace(infos_[i].id, i);
    }
    const auto at = index_.find(name_);
    if (at == index_.end()) return -1;
    next_ = at->second + 1;
    return at->second;
  }

 private:
  const std::vector<Info>& infos_;
  uint32_t next_ = 0;
  std::string name_;
  std::unordered_map<std::string_view, uint32_t> index_;
};

bool disagree(RuntimeError* error, const std::string& what) {
  return error->fail("INTERNAL", "daemon and runtime node were told different things: " + what,
                     "Please report this, with the dataflow file.");
}

}  // namespace

bool Scheduler::attach(Node* node, RuntimeError* error) {
  node_ = node;
  mask_.assign(node->inputs().size() / 64 + 1, 0);
  batch_.resize(32);
  if (!attach_outputs(error) || !attach_inputs(error)) return false;
  link_receivers();
  count_slots();
  return check_cycles(error);
}

bool Scheduler::attach_outputs(RuntimeError* error) {
  Names names(node_->outputs());
  for (uint32_t i = 0; i < operator_count_; i++) {
    Operator& op = operators_[i];
    for (uint32_t o = 0; o < op.output_count; o++) {
      const int64_t index = names.find(op, op.outputs[o].id);
      if (index < 0)
        return disagree(error, "the node has no output \"" + std::string(op.id) + "/" + op.outputs[o].id + "\"");
      op.outputs[o].node_index = static_cast<uint32_t>(index);
      op.outputs[o].external = node_->outputs()[static_cast<size_t>(index)].external;
      op.outputs[o].counts = node_->output_counts(op.outputs[o].node_index);
      if (op.outputs[o].external) op.paced = true;
    }
  }
  return true;
}

bool Scheduler::attach_inputs(RuntimeError* error) {
  Names names(node_->inputs());
  by_index_.assign(node_->inputs().size(), nullptr);
  for (uint32_t i = 0; i < operator_count_; i++) {
    Operator& op = operators_[i];
    for (uint32_t k = 0; k < op.input_count; k++) {
      Input& input = op.inputs[k];
      const int64_t index = names.find(op, input.id);
      if (index < 0) return disagree(error, "the node has no input \"" + std::string(op.id) + "/" + input.id + "\"");
      const InputInfo& info = node_->inputs()[static_cast<size_t>(index)];
      input.node_index = static_cast<uint32_t>(index);
      input.counts = node_->input_counts(input.node_index);
      input.policy = info.policy;
      input.priority = info.priority;
      input.queue_size = info.queue_size == 0 ? 1 : info.queue_size;
      if (info.kind != InputKind::local) op.has_external = true;
      by_index_[input.node_index] = &input;
    }
  }
  for (size_t i = 0; i < by_index_.size(); i++) {
    if (by_index_[i] == nullptr) return disagree(error, "no operator has the input \"" + node_->inputs()[i].id + "\"");
  }
  return true;
}

/// Each local output gets its part of one array of receivers.
void Scheduler::link_receivers() {
  std::vector<Output*> outputs(node_->outputs().size(), nullptr);
  std::vector<Operator*> sources(node_->outputs().size(), nullptr);
  for (uint32_t i = 0; i < operator_count_; i++) {
    for (uint32_t o = 0; o < operators_[i].output_count; o++) {
      outputs[operators_[i].outputs[o].node_index] = &operators_[i].outputs[o];
      sources[operators_[i].outputs[o].node_index] = &operators_[i];
    }
  }
  size_t total = 0;
  for (size_t i = 0; i < by_index_.size(); i++) {
    const InputInfo& info = node_->inputs()[i];
    if (info.kind != InputKind::local || info.local_output >= outputs.size()) continue;
    by_index_[i]->source = sources[info.local_output];
    outputs[info.local_output]->receiver_count++;
    total++;
  }
  receivers_.resize(total);
  Input** next = receivers_.data();
  for (Output* output : outputs) {
    if (output == nullptr) continue;
    output->receivers = next;
    next += std::exchange(output->receiver_count, 0);
  }
  for (size_t i = 0; i < by_index_.size(); i++) {
    if (by_index_[i]->source == nullptr) continue;
    Output* output = outputs[node_->inputs()[i].local_output];
    const_cast<Input**>(output->receivers)[output->receiver_count++] = by_index_[i];
    if (!by_index_[i]->paced()) continue;
    output->paces = true;
    by_index_[i]->source->paced = true;
  }
}

/// How many slots a local output may have in use: what its receivers' queues hold, what may be kept for them, and some
/// for loans and retained samples.
void Scheduler::count_slots() {
  for (uint32_t i = 0; i < operator_count_; i++) {
    for (uint32_t o = 0; o < operators_[i].output_count; o++) {
      Output& output = operators_[i].outputs[o];
      output.most_slots = kMostKept + kSpareSlots;
      for (uint32_t r = 0; r < output.receiver_count; r++) output.most_slots += output.receivers[r]->queue_size;
    }
  }
}

/// Depth first over backpressure inputs between operators, from each operator to those that pace it. Without recursion:
/// chains may be thousands long.
bool Scheduler::check_cycles(RuntimeError* error) const {
  enum : uint8_t { unseen, open, done };
  std::vector<uint8_t> marks(operator_count_, unseen);
  struct At {
    const Operator* op;
    const Input* through;  // how we came here
    uint32_t output = 0, receiver = 0;
  };
  for (uint32_t i = 0; i < operator_count_; i++) {
    if (marks[i] != unseen) continue;
    std::vector<At> path{{&operators_[i], nullptr}};
    marks[i] = open;
    while (!path.empty()) {
      At& at = path.back();
      if (at.output == at.op->output_count) {
        marks[static_cast<size_t>(at.op - operators_.get())] = done;
        path.pop_back();
        continue;
      }
      const Output& output = at.op->outputs[at.output];
      if (at.receiver == output.receiver_count) {
        at.output++;
        at.receiver = 0;
        continue;
      }
      const Input* input = output.receivers[at.receiver++];
      if (!input->paced()) continue;
      uint8_t& mark = marks[static_cast<size_t>(input->owner - operators_.get())];
      if (mark == unseen) {
        mark = open;
        path.push_back({input->owner, input});
        continue;
      }
      if (mark == done) continue;
      std::string ring;
      size_t from = 0;
      while (path[from].op != input->owner) from++;
      for (size_t k = from + 1; k < path.size(); k++)
        ring += std::string(path[k].op->id) + "/" + path[k].through->id + " -> ";
      ring += std::string(input->owner->id) + "/" + input->id;
      return error->fail("BACKPRESSURE_CYCLE",
                         "these inputs with backpressure form a ring, in which every operator may come to wait for the "
                         "next, for ever: " +
                             ring,
                         "Give one of them `queue_policy: drop_oldest`.");
    }
  }
  return true;
}

}  // namespace dora
