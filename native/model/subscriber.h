// What the files of the subscriber share.
//
// subscriber.cc scans the inbox, holds and releases samples, sleeps; subscriber_ring.cc claims entries from a ring.
// Each step of a subscriber is one access to shared memory or one system call.
#pragma once
#include "publisher.h"

namespace model {

void back_to_top(Subscriber& own);                        // subscriber.cc
void step_ring(const State& now, int who, Steps& steps);  // subscriber_ring.cc, and the next
void step_release(const State& now, int who, Steps& steps);

}  // namespace model
