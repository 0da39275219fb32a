// Nodes killed and restarted again and again while others stream, in one dataflow whose broker lives on.
//
// kill_test has a new broker and two processes for each kill, and a model that knows every message. Here it is the long
// run: seven processes, five of which are SIGKILLed, at a labelled step or at any moment (while joining as well), and
// come back as a daemon would bring them back. What must hold (the nodes check each message, restart_peer.cc):
//   * messages are whole, in order, once; a publisher's new life begins with its first message; what goes over
//     backpressure from one living node to another is complete;
//   * the two that are never killed go on, and lose nothing to each other;
//   * a new life has edges and a ledger of its own, never one of an older life;
//   * in the end, with all alive and quiet: sent = received + dropped + in flight + lost, nothing is in flight, every
//     slot of every output can be loaned, and descriptors and mappings of every process, the broker's included, are as
//     many as before the first kill; after the end Shmem and descriptors are back where they were.
// DORA_RESTARTS: kills (60; test:long: thousands). DORA_SEED: replays the draws; printed with every failure.
#include "restart_fleet.h"

using namespace dora;
using namespace dora::test;

TEST_CASE("nodes that are killed and come back while others stream leave nothing behind and cost the others nothing") {
  const uint64_t kills = number_from_environment("DORA_RESTARTS", 60);
  const uint64_t seed = number_from_environment("DORA_SEED", std::random_device()());
  INFO("replay: DORA_RESTARTS=" << kills << " DORA_SEED=" << seed);
  const size_t descriptors = count_descriptors("self");
  const uint64_t shmem = shmem_kib();
  {
    Fleet fleet(seed);
    fleet.kill_some(0);  // everybody joins
    const std::vector<Figures> before = fleet.figures();
    fleet.ask(kStream);
    for (uint64_t done = 0, round = std::min<uint64_t>(kills, 100); done < kills; done += round) {
      const uint64_t seen = fleet.progress();
      fleet.kill_some(round);
      fleet.ask(kStream);
      CHECK(fleet.progress() > seen);
    }
    fleet.kill_all();
    fleet.expect_figures(before);
    fleet.stop();
    fleet.expect_counts();
    MESSAGE("kills: " << kills << ", at a labelled step: " << fleet.kills_at_steps()
                      << ", while joining: " << fleet.kills_while_joining()
                      << ", messages of the survivors: " << fleet.progress() << ", seed " << seed);
    CHECK(fleet.kills_at_steps() > 0);
  }
  CHECK(count_descriptors("self") == descriptors);
  CHECK(shmem_kib() <= shmem + 64 * 1024);  // other programs of the machine use shared memory too
}
