// The contract between the processes of the model and the search.
//
// Each function adds every step that its process can make in `now`. One step is one access to shared memory, or one
// system call, with the private work around it. Labels are those of the fault-injection points in native/core where
// there is one, so that a trace reads like a run.
#pragma once
#include <vector>

#include "state.h"

namespace model {

/// Whose step it is. The livelock check treats each as one thread that is scheduled fairly.
enum Actor : Byte {
  kPublisherThread,
  kSweeperThread,
  kSubscriberThread,
  kSubscriberControl = kSubscriberThread + 2,
  kBrokerThread = kSubscriberControl + 2,
  kKiller
};

struct Step {
  State state;
  const char* label;
  Actor actor;
};

class Steps {
 public:
  void add(Actor actor, const char* label, const State& state) { all_.push_back({state, label, actor}); }
  void clear() { all_.clear(); }
  size_t size() const { return all_.size(); }
  const Step& operator[](size_t index) const { return all_[index]; }

 private:
  std::vector<Step> all_;
};

void step_publisher(const State& now, Steps& steps);            // publisher.cc
void step_subscriber(const State& now, int who, Steps& steps);  // subscriber.cc
void step_broker(const State& now, Steps& steps);               // broker.cc
void step_kills(const State& now, Steps& steps);                // kills.cc

State first_state();                       // invariants.cc
void check_every_state(const State& now);  // invariants.cc
void check_last_state(const State& now);   // invariants.cc

}  // namespace model
