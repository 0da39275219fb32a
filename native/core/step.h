// Labelled steps of the shared-memory protocol: the places where tests kill a process.
//
// DORA_STEP("pub.head") stands directly before the access of that name, a broker's "brk.open_in" before the packet of
// that name. In ordinary builds it is nothing. In builds with DORA_FAULTS it counts, and when the environment says
// DORA_FAULT=pub.head:17 the 17th arrival there is SIGKILL for the process. native/model/README.md maps the labels to
// the steps of the models.
#pragma once

namespace dora {

#ifdef DORA_FAULTS
void step(const char* label);
#define DORA_STEP(label) ::dora::step(label)
#else
#define DORA_STEP(label) static_cast<void>(0)
#endif

}  // namespace dora
