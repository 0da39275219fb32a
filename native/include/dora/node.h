/*
 * The node API for C and C++ (libdora), version 0.1. A node is a process that a dora daemon started; it receives
 * messages on its inputs and publishes on its outputs, both declared in the dataflow file. Message payloads lie in
 * shared memory: what is received is read in place, what is sent through a loan is written in place.
 *
 * Threads: [any-thread] functions may be called from any thread at any time between connect and close; [consumer]
 * functions from one thread at a time (the thread that takes events). Ownership: an event is lent until
 * dora_event_release(); a loan is yours until it was sent or discarded. Received memory is mapped read-only: a store
 * into it ends the process with a message that names node and input.
 *
 */
/* clang-format off
 *
 *   dora_node_t *node;
 *   dora_error_t error;
 *   dora_event_t event;
 *   if (dora_node_connect(NULL, &node, &error) != DORA_OK) {
 *     fprintf(stderr, "%s\n%s\n", error.message, error.hint);
 *     return 1;
 *   }
 *   int32_t image = dora_node_output(node, "image");
 *   while (dora_node_next(node, -1, &event) == DORA_OK && event.type != DORA_EVENT_END) {
 *     if (event.type == DORA_EVENT_INPUT)
 *       dora_node_send(node, image, event.data, event.size, DORA_ENCODING_RAW, NULL, 0, -1, NULL);
 *     dora_event_release(node, &event);
 *   }
 *   dora_node_close(node);
 *
 * clang-format on */
#ifndef DORA_NODE_H
#define DORA_NODE_H

#include <dora/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DORA_NODE_API_MAJOR 0
#define DORA_NODE_API_MINOR 1

typedef struct dora_node dora_node_t;

/* Zero it, set struct_size, then what you need. */
typedef struct dora_node_options {
  uint32_t struct_size;
  uint32_t spin_us;   /* how long dora_node_next() spins before it sleeps, microseconds; 0: sleeps at once */
  const char* config; /* instead of the environment variable DORA_NODE_CONFIG; NULL: the environment */
} dora_node_options_t;

/* One event. Lent: every pointer in it is valid until dora_event_release(). */
typedef struct dora_event {
  uint32_t type;       /* DORA_EVENT_* */
  uint32_t input;      /* index of the input; meaningless for stop, error, end */
  uint32_t reason;     /* DORA_REASON_*, for closed, recovered (why it had been closed) and stop */
  uint32_t encoding;   /* DORA_ENCODING_*, for input */
  const char* id;      /* the input's id, or "" */
  const uint8_t* data; /* payload, aligned to 64 bytes, read-only; NULL when empty */
  uint64_t size;       /* bytes */
  const uint8_t*
      metadata; /* encoded metadata, a private copy; read it with dora_metadata_*(); NULL when there is none */
  uint64_t metadata_size;
  uint64_t sequence;   /* of the publisher's output, from 1; a gap means dropped. For a timer: the number of the tick */
  uint64_t sent_at_ns; /* the sender's hybrid logical clock, ns since 1970. For a timer: when it was due */
  uint64_t dropped;    /* messages of this input dropped since its previous event, or ticks missed */
  int64_t grace_ns;    /* stop: time until the process is ended by force; 0: no limit known */
  const char* message; /* error: what happened, or "" */
  uint64_t reserved[4]; /* belongs to the library */
} dora_event_t;

/* Writable memory that nobody sees yet. Contents are undefined. */
typedef struct dora_loan {
  uint8_t* data;        /* aligned to 64 bytes */
  uint64_t size;        /* bytes asked for; may be lowered before the send */
  uint64_t reserved[4]; /* belongs to the library */
} dora_loan_t;

/* ---- life -------------------------------------------------------------------------------------------------------- */
/* Joins the dataflow and returns when every node of it has joined. One per process (DORA_ALREADY_CONNECTED until the
 * first is closed). `options` and `error` may be NULL. */
DORA_EXPORT int32_t dora_node_connect(const dora_node_options_t* options, dora_node_t** node, dora_error_t* error);
/* Leaves: what was sent stays readable for the subscribers. Events and loans of the node are dead afterwards. */
DORA_EXPORT void dora_node_close(dora_node_t* node);
/* [any-thread] The node's id in the dataflow file; valid until close. */
DORA_EXPORT const char* dora_node_id(const dora_node_t* node);
/* [any-thread] Index of a declared output or input; DORA_UNKNOWN_OUTPUT / DORA_INVALID_ARGUMENT when there is none. */
DORA_EXPORT int32_t dora_node_output(const dora_node_t* node, const char* id);
DORA_EXPORT int32_t dora_node_input(const dora_node_t* node, const char* id);
/* [any-thread] Asks the daemon to stop the whole dataflow; every node gets a stop event. */
DORA_EXPORT int32_t dora_node_request_stop(dora_node_t* node);

/* ---- taking -------------------------------------------------------------------------------------------------------
 */
/* [consumer] The next event. timeout_ns: < 0 for ever, 0 a look. Returns DORA_OK, DORA_TIMEOUT (DORA_EMPTY for a look)
 * or a failure. After DORA_EVENT_END every call gives an event of that type again. */
DORA_EXPORT int32_t dora_node_next(dora_node_t* node, int64_t timeout_ns, dora_event_t* event);
/* [any-thread] Gives the memory back. Once per event of type input; harmless for others and for a second call. */
DORA_EXPORT void dora_event_release(dora_node_t* node, dora_event_t* event);
/* [consumer] A file descriptor for a loop of your own (poll, epoll): readable when dora_node_next(node, 0, …) may have
 * something. Before each wait call dora_node_prepare_wait(): 1: wait; 0: do not wait, there is something already. It
 * belongs to the node. */
DORA_EXPORT int32_t dora_node_fd(dora_node_t* node);
DORA_EXPORT int32_t dora_node_prepare_wait(dora_node_t* node);

/* ---- publishing -----------------------------------------------------------------------------------------------------
 */
/* [any-thread] Copies `size` bytes and publishes them. timeout_ns: how long to wait for room in backpressure
 * subscribers; 0: not at all (DORA_WOULD_BLOCK), < 0: for ever. Waiting is [consumer]. DORA_BACKPRESSURE_CYCLE: nodes
 * wait for each other in a ring, and of their sends this one gave way; nobody got the message. `metadata` may be NULL.
 * `error` may be NULL. */
DORA_EXPORT int32_t dora_node_send(dora_node_t* node, int32_t output, const void* data, uint64_t size,
                                   uint32_t encoding, const uint8_t* metadata, uint64_t metadata_size,
                                   int64_t timeout_ns, dora_error_t* error);
/* [any-thread] Memory of `size` bytes to write into, without a copy later. */
DORA_EXPORT int32_t dora_node_loan(dora_node_t* node, int32_t output, uint64_t size, dora_loan_t* loan,
                                   dora_error_t* error);
/* [any-thread] Publishes a loan. On DORA_OK the loan is gone; on DORA_WOULD_BLOCK, DORA_TIMEOUT and failures it is
 * still yours. */
DORA_EXPORT int32_t dora_loan_send(dora_node_t* node, dora_loan_t* loan, uint32_t encoding, const uint8_t* metadata,
                                   uint64_t metadata_size, int64_t timeout_ns, dora_error_t* error);
/* [any-thread] Gives an unsent loan back. */
DORA_EXPORT void dora_loan_discard(dora_node_t* node, dora_loan_t* loan);
/* [any-thread] No more messages on this output: its subscribers' inputs close when they have read what is queued. */
DORA_EXPORT int32_t dora_node_close_output(dora_node_t* node, int32_t output);

/* ---- metadata
 * ---------------------------------------------------------------------------------------------------------- */
/* [any-thread] Appends one entry to an encoded metadata blob in `buffer`; *size is 0 at first. Values: bool 1 byte,
 * int64 and float64 8 bytes little endian, string and bytes as they are. Returns DORA_TOO_LARGE when it does not fit
 * into `capacity`. */
DORA_EXPORT int32_t dora_metadata_put(uint8_t* buffer, uint64_t capacity, uint64_t* size, const char* key,
                                      uint32_t type, const void* value, uint64_t value_size);
/* [any-thread] Finds an entry. The value points into the blob. DORA_EMPTY when there is none, DORA_INVALID_ARGUMENT
 * when the blob is malformed. */
DORA_EXPORT int32_t dora_metadata_get(const uint8_t* metadata, uint64_t size, const char* key, uint32_t* type,
                                      const void** value, uint64_t* value_size);

#ifdef __cplusplus
}
#endif
#endif
