/*
 * The core as a table of functions, version 0.1: for a client in the daemon's process, or any other that has a broker,
 * that carries messages between local nodes and somewhere else (a network, a recorder). The client is a library of its
 * own, compiled against this header and nothing else; nothing is linked. It can
 *
 *   read any outputs of a dataflow, as a reader of its own:            subscribe(), next(), release()
 *   publish in place of a node that runs elsewhere:                    stand_in(), loan(), send()
 *   see nodes join and leave, and its own edges end:                   next()
 *   sleep in a loop of its own until there is something to do:         wait_fd(), prepare_wait()
 *
 * How it gets there: NativeBroker.bridge() of the addon is a Node-API external whose pointer is a `const
 * dora_bridge_host_t *`; C++ calls dora::Broker::bridge(). docs/bridge.md has both, and a whole client.
 *
 * Threads: [any-thread] functions may be called from any thread at any time between open and close; [consumer] ones
 * from one thread at a time. Nothing here blocks for a node; subscribe() and stand_in() wait for the broker's thread,
 * milliseconds. No function may be called from a signal handler.
 *
 * Stability: the first four fields of a table and the first field of a structure with struct_size never move; a minor
 * version only appends. Structures that the caller fills or hands over to be filled say by struct_size how much of them
 * it knows: a core that knows less leaves the rest 0 in what it fills, and refuses (DORA_INVALID_ARGUMENT) a field it
 * does not know that is not 0 in what it reads. Functions beyond `struct_size` of the table are not there.
 */
#ifndef DORA_BRIDGE_H
#define DORA_BRIDGE_H

#include <dora/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DORA_BRIDGE_ABI_MAJOR 0
#define DORA_BRIDGE_ABI_MINOR 1

/* ---- values ---------------------------------------------------------------------------------------------------------
 */
/* Event types beside DORA_EVENT_INPUT, _INPUT_CLOSED, _INPUT_RECOVERED, _STOP, _ERROR and _END, all of which are a
 * member's. Ignore types you do not know. */
#define DORA_BRIDGE_READY 32   /* a member: every edge that can be open is; it may send from here on */
#define DORA_BRIDGE_JOINED 33  /* a node has joined; `pid` */
#define DORA_BRIDGE_STARTED 34 /* every node of `dataflow` has joined */
#define DORA_BRIDGE_LEFT 35    /* a node has left in order */
#define DORA_BRIDGE_LOST 36    /* a node's process died or hung up without a word; `message` says how */
#define DORA_BRIDGE_MISSED 37  /* `dropped` of the four kinds above came while too many waited to be taken */

/* dora_bridge_message_t.flags */
#define DORA_BRIDGE_ARM 1u /* on DORA_WOULD_BLOCK: wake the consumer once there may be room */

/* The Node-API type tag of the external that NativeBroker.bridge() gives, so that nothing else is taken for it:
 * napi_check_object_type_tag() with {lower, upper}. */
#define DORA_BRIDGE_TAG_LOWER 0x6272696467652f31u
#define DORA_BRIDGE_TAG_UPPER 0x646f72612d747300u

/* ---- structures -----------------------------------------------------------------------------------------------------
 */
/* One client. */
typedef struct dora_bridge dora_bridge_t;
/* Its place in one dataflow: a reader of its own, or what stands in for a node that runs elsewhere. */
typedef struct dora_bridge_member dora_bridge_member_t;

typedef struct dora_bridge_options {
  uint32_t struct_size;
  uint32_t max_events; /* joins and leaves that may wait to be taken; 0: 4096 */
} dora_bridge_options_t;

/* One input of a reader. */
typedef struct dora_bridge_input {
  const char* node;    /* whose output, */
  const char* output;  /* and which */
  uint32_t queue_size; /* 1 to 65536 */
  uint32_t policy;     /* DORA_DROP_OLDEST, DORA_BACKPRESSURE */
} dora_bridge_input_t;

typedef struct dora_bridge_subscription {
  uint32_t struct_size;
  uint32_t input_size; /* bytes from one input to the next: sizeof(dora_bridge_input_t) as the caller knows it */
  const char* dataflow;
  const char* name; /* the reader's id in that dataflow, shown in counts and in messages; no node's */
  const dora_bridge_input_t* inputs;
  uint64_t input_count;
  void* user; /* comes back in events */
} dora_bridge_subscription_t;

/* What happened. Lent: all it points to is valid until release(). Integers that mean nothing for a type are 0, texts
 * "", pointers to bytes NULL. */
typedef struct dora_bridge_event {
  uint32_t struct_size; /* set by the caller, once */
  uint32_t type;        /* DORA_EVENT_*, DORA_BRIDGE_* */
  dora_bridge_member_t* member;
  void* user;              /* the member's */
  uint32_t input;          /* index of the member's input */
  uint32_t reason;         /* DORA_REASON_*: of closed, recovered (why it had been closed), stop */
  uint32_t encoding;       /* DORA_ENCODING_* */
  int32_t pid;             /* of joined, left, lost */
  const uint8_t* data;     /* payload in read-only shared memory, aligned to 64 bytes. A hostile publisher may change it
                              while it is read: check a copy where that matters */
  uint64_t size;           /* bytes */
  const uint8_t* metadata; /* encoded, a private copy */
  uint64_t metadata_size;
  uint64_t sequence;    /* of the publisher's output, from 1; a gap means dropped */
  uint64_t sent_at_ns;  /* the sender's hybrid logical clock, ns since 1970 */
  uint64_t dropped;     /* messages of this input since its previous event; of missed: events */
  int64_t grace_ns;     /* stop: time until the daemon counts the node as failed; 0: no limit known */
  const char* dataflow; /* of the node that this is about */
  const char* node;     /* the member's own, or who joined, left, was lost */
  const char* message;  /* error, lost: in words */
  void* lease;          /* belongs to the core */
} dora_bridge_event_t;

/* What travels with a payload. */
typedef struct dora_bridge_message {
  uint32_t struct_size;
  uint32_t encoding;       /* DORA_ENCODING_* */
  const uint8_t* metadata; /* encoded; copied */
  uint32_t metadata_size;  /* at most DORA_MAX_METADATA */
  uint32_t flags;          /* DORA_BRIDGE_ARM */
  uint64_t sent_at_ns; /* stamp of the sender elsewhere, which the message then keeps and the local clock follows; 0,
                          or more than a second ahead of this machine: a stamp of now. Never below the last of this
                          output */
} dora_bridge_message_t;

/* Writable memory that nobody sees yet; its contents are undefined. */
typedef struct dora_bridge_loan {
  uint8_t* data;        /* aligned to 64 bytes */
  uint64_t size;        /* bytes asked for; may be lowered before the send */
  uint64_t reserved[4]; /* belongs to the core */
} dora_bridge_loan_t;

struct dora_bridge_api;

/* What a client is given. Valid for as long as whoever gave it says; open() takes a hold of its own. */
typedef struct dora_bridge_host {
  const struct dora_bridge_api* api;
  void* core; /* belongs to the core */
} dora_bridge_host_t;

/* Functions with an `error` fill it on failure (negative status); it may be NULL. A NULL where a structure or a handle
 * is wanted is DORA_INVALID_ARGUMENT. */
typedef struct dora_bridge_api {
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t struct_size;
  uint32_t reserved;

  /* ---- life ---- */
  /* [any-thread] A client. `options` may be NULL. DORA_ENDED: the broker is gone. */
  int32_t (*open)(const dora_bridge_host_t* host, const dora_bridge_options_t* options, dora_bridge_t** bridge,
                  dora_error_t* error);
  /* [consumer] Every member leaves, with DORA_REASON_ENDED. Events that are still lent stay valid until release(). */
  void (*close)(dora_bridge_t* bridge);

  /* ---- waiting and taking ---- */
  /* [any-thread] A descriptor for poll or epoll: readable when next() may have something, or a send that was refused
   * with DORA_BRIDGE_ARM may find room. It belongs to the bridge. */
  int32_t (*wait_fd)(dora_bridge_t* bridge);
  /* [consumer] Before each wait. 1: wait; 0: do not, there is something already. */
  int32_t (*prepare_wait)(dora_bridge_t* bridge);
  /* [consumer] The next event, or DORA_EMPTY. Members take turns. After DORA_EVENT_END a member has no more; leave()
   * it. */
  int32_t (*next)(dora_bridge_t* bridge, dora_bridge_event_t* event);
  /* [any-thread] Gives back what an event lends, also after leave() and close(). Once for each event of next(); a
   * second call on the same structure is harmless. A publisher runs out of slots when its readers keep many: a reader
   * may keep 16 beyond its queue_size, then its publisher waits (backpressure) or it loses new messages
   * (drop_oldest). */
  void (*release)(dora_bridge_event_t* event);

  /* ---- members ---- */
  /* [consumer] Joins a dataflow as a reader. Messages from before are not seen, but for those that an output retains.
   * DORA_INVALID_ARGUMENT: no such output, a name that is taken; DORA_SHM_EXHAUSTED. */
  int32_t (*subscribe)(dora_bridge_t* bridge, const dora_bridge_subscription_t* what, dora_bridge_member_t** member,
                       dora_error_t* error);
  /* [consumer] Joins in place of a node that the daemon has announced and does not start: with that node's inputs and
   * outputs. Once for each announcement. DORA_JOIN_REFUSED: it is not announced, or was joined already. */
  int32_t (*stand_in)(dora_bridge_t* bridge, const char* dataflow, const char* node, void* user,
                      dora_bridge_member_t** member, dora_error_t* error);
  /* [consumer] Leaves for good: subscribers of a stand-in see its outputs closed with `reason`, DORA_REASON_ENDED (what
   * was sent is read first) or DORA_REASON_CRASHED. The handle is dead. The broker counts the member as gone when its
   * last lent event is released; then the node of a stand-in can be announced again. */
  void (*leave)(dora_bridge_member_t* member, uint32_t reason);
  /* [any-thread] Index by id. An input of a reader is named "node/output". DORA_INVALID_ARGUMENT, DORA_UNKNOWN_OUTPUT:
   * there is none. */
  int32_t (*input_index)(const dora_bridge_member_t* member, const char* id);
  int32_t (*output_index)(const dora_bridge_member_t* member, const char* id);

  /* [consumer] paused 1: the member's messages stay queued, under the policies of its inputs, and wake nobody; its
   * other events come. 0: as before. For a client that has no room for more. */
  void (*pause)(dora_bridge_member_t* member, uint32_t paused);

  /* ---- publishing, for stand-ins ---- */
  /* [any-thread] Memory of `size` bytes to write a payload into. Yours until send() returned DORA_OK, or discard(). */
  int32_t (*loan)(dora_bridge_member_t* member, uint32_t output, uint64_t size, dora_bridge_loan_t* loan,
                  dora_error_t* error);
  /* [any-thread] Publishes a loan without copying it; `how` may be NULL. DORA_WOULD_BLOCK: a backpressure subscriber is
   * full, or the member is not DORA_BRIDGE_READY yet; nobody got it and the loan is still yours, as it is on failures.
   */
  int32_t (*send)(dora_bridge_member_t* member, dora_bridge_loan_t* loan, const dora_bridge_message_t* how,
                  dora_error_t* error);
  /* [any-thread] The same for bytes of yours, which are copied. */
  int32_t (*send_copy)(dora_bridge_member_t* member, uint32_t output, const void* data, uint64_t size,
                       const dora_bridge_message_t* how, dora_error_t* error);
  /* [any-thread] Gives an unsent loan back. */
  void (*discard)(dora_bridge_member_t* member, dora_bridge_loan_t* loan);
  /* [any-thread] Nobody tries again to send on this output what was refused with DORA_BRIDGE_ARM. */
  void (*stop_waiting)(dora_bridge_member_t* member, uint32_t output);
  /* [any-thread] No more messages on this output: its subscribers' inputs close when they have read what is queued. */
  int32_t (*close_output)(dora_bridge_member_t* member, uint32_t output);

  /* ---- the rest ---- */
  /* [any-thread] The member's hybrid logical clock, ns since 1970. */
  uint64_t (*now_ns)(const dora_bridge_member_t* member);
  /* [any-thread] As dora_metadata_get() and dora_metadata_put() of dora/node.h. */
  int32_t (*metadata_get)(const uint8_t* metadata, uint64_t size, const char* key, uint32_t* type, const void** value,
                          uint64_t* value_size);
  int32_t (*metadata_put)(uint8_t* buffer, uint64_t capacity, uint64_t* size, const char* key, uint32_t type,
                          const void* value, uint64_t value_size);
} dora_bridge_api_t;

/* ---- nothing above moves
 * --------------------------------------------------------------------------------------------------- */
#if UINTPTR_MAX > 0xffffffffu
#ifdef __cplusplus
#define DORA_AT(type, field, offset) static_assert(offsetof(type, field) == (offset), #type "." #field " has moved")
#else
#define DORA_AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field " has moved")
#endif
DORA_AT(dora_bridge_options_t, struct_size, 0);
DORA_AT(dora_bridge_options_t, max_events, 4);
DORA_AT(dora_bridge_input_t, node, 0);
DORA_AT(dora_bridge_input_t, output, 8);
DORA_AT(dora_bridge_input_t, queue_size, 16);
DORA_AT(dora_bridge_input_t, policy, 20);
DORA_AT(dora_bridge_subscription_t, struct_size, 0);
DORA_AT(dora_bridge_subscription_t, input_size, 4);
DORA_AT(dora_bridge_subscription_t, dataflow, 8);
DORA_AT(dora_bridge_subscription_t, name, 16);
DORA_AT(dora_bridge_subscription_t, inputs, 24);
DORA_AT(dora_bridge_subscription_t, input_count, 32);
DORA_AT(dora_bridge_subscription_t, user, 40);
DORA_AT(dora_bridge_event_t, struct_size, 0);
DORA_AT(dora_bridge_event_t, type, 4);
DORA_AT(dora_bridge_event_t, member, 8);
DORA_AT(dora_bridge_event_t, user, 16);
DORA_AT(dora_bridge_event_t, input, 24);
DORA_AT(dora_bridge_event_t, reason, 28);
DORA_AT(dora_bridge_event_t, encoding, 32);
DORA_AT(dora_bridge_event_t, pid, 36);
DORA_AT(dora_bridge_event_t, data, 40);
DORA_AT(dora_bridge_event_t, size, 48);
DORA_AT(dora_bridge_event_t, metadata, 56);
DORA_AT(dora_bridge_event_t, metadata_size, 64);
DORA_AT(dora_bridge_event_t, sequence, 72);
DORA_AT(dora_bridge_event_t, sent_at_ns, 80);
DORA_AT(dora_bridge_event_t, dropped, 88);
DORA_AT(dora_bridge_event_t, grace_ns, 96);
DORA_AT(dora_bridge_event_t, dataflow, 104);
DORA_AT(dora_bridge_event_t, node, 112);
DORA_AT(dora_bridge_event_t, message, 120);
DORA_AT(dora_bridge_event_t, lease, 128);
DORA_AT(dora_bridge_message_t, struct_size, 0);
DORA_AT(dora_bridge_message_t, encoding, 4);
DORA_AT(dora_bridge_message_t, metadata, 8);
DORA_AT(dora_bridge_message_t, metadata_size, 16);
DORA_AT(dora_bridge_message_t, flags, 20);
DORA_AT(dora_bridge_message_t, sent_at_ns, 24);
DORA_AT(dora_bridge_loan_t, data, 0);
DORA_AT(dora_bridge_loan_t, size, 8);
DORA_AT(dora_bridge_loan_t, reserved, 16);
DORA_AT(dora_bridge_host_t, api, 0);
DORA_AT(dora_bridge_host_t, core, 8);
DORA_AT(dora_bridge_api_t, abi_major, 0);
DORA_AT(dora_bridge_api_t, abi_minor, 4);
DORA_AT(dora_bridge_api_t, struct_size, 8);
DORA_AT(dora_bridge_api_t, reserved, 12);
DORA_AT(dora_bridge_api_t, open, 16);
DORA_AT(dora_bridge_api_t, close, 24);
DORA_AT(dora_bridge_api_t, wait_fd, 32);
DORA_AT(dora_bridge_api_t, prepare_wait, 40);
DORA_AT(dora_bridge_api_t, next, 48);
DORA_AT(dora_bridge_api_t, release, 56);
DORA_AT(dora_bridge_api_t, subscribe, 64);
DORA_AT(dora_bridge_api_t, stand_in, 72);
DORA_AT(dora_bridge_api_t, leave, 80);
DORA_AT(dora_bridge_api_t, input_index, 88);
DORA_AT(dora_bridge_api_t, output_index, 96);
DORA_AT(dora_bridge_api_t, pause, 104);
DORA_AT(dora_bridge_api_t, loan, 112);
DORA_AT(dora_bridge_api_t, send, 120);
DORA_AT(dora_bridge_api_t, send_copy, 128);
DORA_AT(dora_bridge_api_t, discard, 136);
DORA_AT(dora_bridge_api_t, stop_waiting, 144);
DORA_AT(dora_bridge_api_t, close_output, 152);
DORA_AT(dora_bridge_api_t, now_ns, 160);
DORA_AT(dora_bridge_api_t, metadata_get, 168);
DORA_AT(dora_bridge_api_t, metadata_put, 176);
#undef DORA_AT
#endif

#ifdef __cplusplus
}
#endif
#endif
