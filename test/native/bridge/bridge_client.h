/* What the test of the bridge calls in its client, a library of plain C that knows dora/bridge.h alone. */
#ifndef BRIDGE_CLIENT_H
#define BRIDGE_CLIENT_H

#include <dora/bridge.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bridge_client bridge_client_t;

/* What the client has seen. */
typedef struct bridge_seen {
  uint64_t received;                       /* messages of readers */
  uint64_t dropped;                        /* as events said */
  uint64_t wrong;                          /* messages torn, out of order, or changed while they were held */
  uint64_t sent;                           /* by stand-ins */
  uint64_t refused;                        /* DORA_WOULD_BLOCK */
  uint64_t released;                       /* by the other thread */
  uint64_t last_sent_at_ns, last_metadata; /* of the newest message; its metadata entry "n" */
  uint32_t joined, left, lost, started, ready, closed, ended, stopped;
  uint32_t closed_reason;
  int32_t lost_pid;
  int32_t failure; /* first status that no call should give */
} bridge_seen_t;

typedef struct bridge_client_api {
  bridge_client_t* (*open)(const dora_bridge_host_t* host);
  void (*close)(bridge_client_t* client);
  const bridge_seen_t* (*seen)(bridge_client_t* client);
  /* A reader of "node/output"; what it gets goes to `hold` samples kept, released by another thread. */
  int32_t (*read)(bridge_client_t* client, const char* name, const char* node, const char* output, uint32_t queue_size,
                  uint32_t policy, uint32_t hold);
  /* A stand-in whose output 0 gets a copy of all that readers get when `forward` is not 0. */
  int32_t (*stand_in)(bridge_client_t* client, const char* node, int32_t forward);
  void (*leave)(bridge_client_t* client, int32_t reader, uint32_t reason);
  /* Takes all there is, then sleeps for up to `ms` until there is more. */
  void (*pump)(bridge_client_t* client, int32_t ms);
  /* Publishes one number on the stand-in's output 0, by a loan or by a copy. */
  int32_t (*publish)(bridge_client_t* client, uint64_t number, uint64_t sent_at_ns, int32_t by_loan);
  /* Readers let go of what they hold, on this thread. */
  void (*release_held)(bridge_client_t* client);
  /* Structures of older and newer clients. 0, or the number of the check that failed. */
  int32_t (*check_sizes)(bridge_client_t* client);
} bridge_client_api_t;

#ifdef __cplusplus
}
#endif
#endif
