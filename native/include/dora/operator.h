/*
 * The operator ABI, version 0.1. An operator is a library that a dora runtime node loads: thousands in one process,
 * called one event at a time, messages between them without a copy. This header (and types.h, which it includes) is all
 * it needs; nothing is linked.
 *
 *   #include <dora/operator.h>
 *   // Doubles every byte of its input "in" and publishes the result on its output "out".
 *   static int32_t on_event(const dora_host_t *host, void *state, const dora_operator_event_t *event) {
 *     dora_operator_loan_t loan;
 *     int32_t status;
 *     (void)state;
 *     if (event->type != DORA_EVENT_INPUT) return DORA_OK;
 *     status = host->api->loan(host, 0, event->size, &loan, NULL);  // output 0 is the first one in the dataflow file
 *     if (status != DORA_OK) return status;
 *     for (uint64_t i = 0; i < event->size; i++) loan.data[i] = (uint8_t)(event->data[i] * 2);
 *     return host->api->send(host, &loan, DORA_ENCODING_RAW, NULL, 0, NULL);
 *   }
 *   DORA_OPERATOR_EXPORT const dora_operator_entry_t dora_operator_entry = {DORA_OPERATOR_HEAD, NULL, on_event, NULL};
 *
 * Build it: cc -std=c11 -O2 -fPIC -shared -I include -o libdouble.so double.c
 *
 * Threads: [worker] is called by the runtime, one at a time per operator, not always on the same thread. [any-thread]
 * may be called from any thread, between the start of init and the end of destroy.
 *
 * Ownership: an event is lent until on_event returns or, where it returned DORA_DEFERRED, until complete().
 * sample_retain() keeps one longer.
 *
 * Stability: the first three fields of each structure with a version never move. A minor version only appends; a
 * runtime loads libraries of its own major version and of the same or an older minor one.
 */
#ifndef DORA_OPERATOR_H
#define DORA_OPERATOR_H

#include <dora/types.h>

#ifdef __cplusplus
extern "C" {
#define DORA_OPERATOR_EXPORT extern "C" DORA_EXPORT
#else
#define DORA_OPERATOR_EXPORT DORA_EXPORT
#endif

#define DORA_OPERATOR_ABI_MAJOR 0
#define DORA_OPERATOR_ABI_MINOR 1

/* ---- values ---------------------------------------------------------------------------------------------------------
 */
/* What on_event returns beside DORA_OK and failures: the event goes on until complete(). */
#define DORA_DEFERRED 16

/* Event types beside DORA_EVENT_INPUT, _INPUT_CLOSED and _INPUT_RECOVERED (the publisher is gone; it is back), and
 * DORA_EVENT_STOP: the last event, after which the operator is destroyed. `reason` says why: somebody asked for it, or
 * all inputs of this operator have closed. Return DORA_OK for types you do not know. */
#define DORA_EVENT_START 16 /* every node of the dataflow has joined: from here on messages can be published */
#define DORA_EVENT_DEADLINE_MISSED \
  17                            /* an earlier event was not finished by its deadline_ns; `input` says which input's */
#define DORA_EVENT_RELOAD 18    /* the library was replaced while the dataflow runs */
#define DORA_EVENT_PARAMETER 19 /* a parameter was set: `input_id` is its name, `data` its value */

/* request_stop */
#define DORA_STOP_OPERATOR 0
#define DORA_STOP_ALL 1

/* log */
#define DORA_LOG_ERROR 1
#define DORA_LOG_WARN 2
#define DORA_LOG_INFO 3
#define DORA_LOG_DEBUG 4
#define DORA_LOG_TRACE 5

/* ---- what the operator is given
 * -------------------------------------------------------------------------------------- */
/* A message kept beyond its event. Opaque. */
typedef struct dora_sample dora_sample_t;

/* One event. The structure and all it points to are lent (see Ownership above) and read-only: a store into `data` of
 * another process ends this one. Integers that mean nothing for a type are 0, texts "", pointers to bytes NULL. */
typedef struct dora_operator_event {
  uint32_t struct_size;    /* bytes of this structure as the runtime knows it */
  uint32_t type;           /* DORA_EVENT_* */
  uint32_t input;          /* index of the input, in the order of the dataflow file */
  uint32_t reason;         /* DORA_REASON_*, of input closed, recovered (why it had been closed), stop */
  uint32_t encoding;       /* DORA_ENCODING_*, of input */
  uint32_t metadata_size;  /* bytes */
  const char* input_id;    /* the input's id in the dataflow file; of a parameter its name; else "" */
  const uint8_t* data;     /* payload, aligned to 64 bytes; NULL when empty */
  uint64_t size;           /* bytes of payload */
  const uint8_t* metadata; /* encoded, read it with metadata_get(); NULL when there is none */
  uint64_t sequence;       /* of the publisher's output, from 1; a gap means dropped. For a timer: number of the tick */
  uint64_t sent_at_ns;     /* sender's hybrid logical clock, ns since 1970. For a timer: when it was due */
  uint64_t dropped;        /* messages of this input dropped since its previous event, or ticks missed */
  uint64_t deadline_ns;    /* on the clock of now(): finish by then; 0: no deadline */
  int64_t grace_ns;        /* of stop: time until the process is ended by force; 0: not known */
  uint64_t token;          /* names this event to complete() */
} dora_operator_event_t;

/* Writable memory that nobody sees yet; its contents are undefined. */
typedef struct dora_operator_loan {
  uint8_t* data;        /* aligned to 64 bytes */
  uint64_t size;        /* bytes asked for; may be lowered before the send */
  uint64_t reserved[4]; /* belongs to the runtime */
} dora_operator_loan_t;

struct dora_host_api;

/* The runtime as one operator sees it. Valid from the start of init to the end of destroy. */
typedef struct dora_host {
  const struct dora_host_api* api;
} dora_host_t;

/* Functions of the runtime. `host` is the one given to init. Indices of inputs and outputs follow the dataflow file.
 * Functions with an `error` fill it on failure (negative status); it may be NULL. */
typedef struct dora_host_api {
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t struct_size;
  uint32_t reserved;

  /* [any-thread] An optional power of the runtime by name and version, such as DORA_EXT_STATE, or NULL where this
   * runtime does not have it. Valid as long as the host. */
  const void* (*get_extension)(const dora_host_t* host, const char* name);

  /* [any-thread] The operator's id in the dataflow file; valid as long as the host. */
  const char* (*operator_id)(const dora_host_t* host);
  /* [any-thread] Index of a declared input or output; DORA_INVALID_ARGUMENT / DORA_UNKNOWN_OUTPUT where there is none.
   */
  int32_t (*input_index)(const dora_host_t* host, const char* id);
  int32_t (*output_index)(const dora_host_t* host, const char* id);

  /* [any-thread] Memory of `size` bytes to write a payload into. It is yours until send() returned DORA_OK or
   * discard(). Give back what you loaned: at most some hundred slots exist per output. DORA_WOULD_BLOCK before
   * DORA_EVENT_START. */
  int32_t (*loan)(const dora_host_t* host, uint32_t output, uint64_t size, dora_operator_loan_t* loan,
                  dora_error_t* error);
  /* [any-thread] Publishes a loan without copying it. `metadata` (or NULL) is copied. Never waits: where a backpressure
   * subscriber is full the message is kept by the runtime and published in order, and the operator gets no further
   * input until it was. DORA_WOULD_BLOCK: too many are kept already (1024 per operator), or before DORA_EVENT_START;
   * the loan is still yours, as it is on failures. DORA_BACKPRESSURE_CYCLE: nodes and operators wait for each other in
   * a ring, and of their messages this one gave way; a kept message that gives way is logged and gone. */
  int32_t (*send)(const dora_host_t* host, dora_operator_loan_t* loan, uint32_t encoding, const uint8_t* metadata,
                  uint32_t metadata_size, dora_error_t* error);
  /* [any-thread] The same for bytes of yours, which are copied: short for loan, memcpy, send. */
  int32_t (*send_copy)(const dora_host_t* host, uint32_t output, const void* data, uint64_t size, uint32_t encoding,
                       const uint8_t* metadata, uint32_t metadata_size, dora_error_t* error);
  /* [any-thread] Gives an unsent loan back. */
  void (*discard)(const dora_host_t* host, dora_operator_loan_t* loan);

  /* [any-thread, while the event is lent] Keeps the memory behind event->data and event->metadata (copy the pointers
   * you need) until the sample is released, once for each retain. NULL for events that are no input. A publisher runs
   * out of slots when its readers keep many. */
  dora_sample_t* (*sample_retain)(const dora_host_t* host, const dora_operator_event_t* event);
  /* [any-thread] */
  void (*sample_release)(const dora_host_t* host, dora_sample_t* sample);

  /* [any-thread] Finishes an event for which on_event returned DORA_DEFERRED, or will return it in a moment. `token` is
   * the event's, `status` what on_event would have returned. The event's memory is gone afterwards.
   * DORA_INVALID_ARGUMENT: no such event is open; nothing happens. */
  int32_t (*complete)(const dora_host_t* host, uint64_t token, int32_t status);
  /* [any-thread] DORA_STOP_OPERATOR: this operator gets no further event, is destroyed when its current one is
   * finished, and its outputs close. DORA_STOP_ALL: asks the daemon to stop the whole dataflow; every operator and node
   * gets a stop event. */
  int32_t (*request_stop)(const dora_host_t* host, uint32_t what);

  /* [any-thread] Hybrid logical clock of the dataflow, ns since 1970; the same time as sent_at_ns and deadline_ns. */
  uint64_t (*now)(const dora_host_t* host);
  /* [any-thread] One line of text (utf8, no newline at its end) in the log of this operator. level: DORA_LOG_*. */
  void (*log)(const dora_host_t* host, uint32_t level, const char* text);

  /* [any-thread] Finds an entry of encoded metadata; the value points into `metadata`. DORA_EMPTY: no such entry.
   * DORA_INVALID_ARGUMENT: malformed. */
  int32_t (*metadata_get)(const dora_host_t* host, const uint8_t* metadata, uint64_t size, const char* key,
                          uint32_t* type, const void** value, uint64_t* value_size);
  /* [any-thread] Appends an entry to encoded metadata in `buffer`; *size is 0 at first. bool 1 byte; int64, float64 8
   * bytes little endian; string and bytes as they are. DORA_TOO_LARGE when it does not fit into `capacity`; nothing is
   * changed then. */
  int32_t (*metadata_put)(const dora_host_t* host, uint8_t* buffer, uint64_t capacity, uint64_t* size, const char* key,
                          uint32_t type, const void* value, uint64_t value_size);
} dora_host_api_t;

/* ---- what the operator gives
 * ------------------------------------------------------------------------------------------- */
/* Exported by the library under the name dora_operator_entry. init and destroy may be NULL. */
typedef struct dora_operator_entry {
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t struct_size;
  uint32_t reserved; /* 0 */

  /* [worker] First call, before the node joins its dataflow (which waits for it: load models here). Sets *state, which
   * starts as NULL and is yours. A negative return refuses to start and ends the runtime; destroy is not called then,
   * so undo what you did. Several operators may use one library. */
  int32_t (*init)(const dora_host_t* host, void** state);
  /* [worker] One event. DORA_OK: done. DORA_DEFERRED: complete() follows, from any thread; until then no other event
   * comes. Negative: the operator has failed: it is destroyed, its outputs close, and the runtime ends with an error
   * when its other operators have ended. */
  int32_t (*on_event)(const dora_host_t* host, void* state, const dora_operator_event_t* event);
  /* [worker] Last call. Join your threads; release samples and discard loans you still have. */
  void (*destroy)(const dora_host_t* host, void* state);
} dora_operator_entry_t;

/* The first four fields of the entry. */
#define DORA_OPERATOR_HEAD DORA_OPERATOR_ABI_MAJOR, DORA_OPERATOR_ABI_MINOR, (uint32_t)sizeof(dora_operator_entry_t), 0

/* ---- extensions
 * ---------------------------------------------------------------------------------------------------------- */
/* Which thread is this? For assertions in an operator's own helpers. */
#define DORA_EXT_THREAD_CHECK "dora.thread-check/1"
typedef struct dora_ext_thread_check {
  /* [any-thread] 1 while the calling thread is inside init, on_event or destroy of this operator, else 0. */
  int32_t (*is_worker)(const dora_host_t* host);
} dora_ext_thread_check_t;

/* Named stores that the runtime keeps across a crash and restart of the operator, declared under `state:` in the
 * dataflow file. Runtimes of ABI 0.1 do not have it. `store` is the declared name. Every value has a version, from 1; 0
 * stands for "not there". */
#define DORA_EXT_STATE "dora.state/1"
typedef struct dora_ext_state {
  /* [any-thread] Copies the value into `buffer`. *size: its size; *version: its version. DORA_EMPTY: not there.
   * DORA_TOO_LARGE: larger than `capacity`; *size says how large, nothing is copied. */
  int32_t (*get)(const dora_host_t* host, const char* store, const void* key, uint64_t key_size, void* buffer,
                 uint64_t capacity, uint64_t* size, uint64_t* version);
  /* [any-thread] Stores a copy of the value. */
  int32_t (*put)(const dora_host_t* host, const char* store, const void* key, uint64_t key_size, const void* value,
                 uint64_t size);
  /* [any-thread] Removes an entry. DORA_EMPTY: it was not there. */
  int32_t (*remove)(const dora_host_t* host, const char* store, const void* key, uint64_t key_size);
  /* [any-thread] Stores the value if the entry's version is still *version (0: if it is not there) and sets *version to
   * the new one. DORA_WOULD_BLOCK: somebody was faster; *version says what is there now. */
  int32_t (*compare_and_set)(const dora_host_t* host, const char* store, const void* key, uint64_t key_size,
                             const void* value, uint64_t size, uint64_t* version);
} dora_ext_state_t;

/* ---- nothing above moves
 * --------------------------------------------------------------------------------------------------- */
#if UINTPTR_MAX > 0xffffffffu
#ifdef __cplusplus
#define DORA_AT(type, field, offset) static_assert(offsetof(type, field) == (offset), #type "." #field " has moved")
#else
#define DORA_AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field " has moved")
#endif
DORA_AT(dora_operator_event_t, struct_size, 0);
DORA_AT(dora_operator_event_t, type, 4);
DORA_AT(dora_operator_event_t, input, 8);
DORA_AT(dora_operator_event_t, reason, 12);
DORA_AT(dora_operator_event_t, encoding, 16);
DORA_AT(dora_operator_event_t, metadata_size, 20);
DORA_AT(dora_operator_event_t, input_id, 24);
DORA_AT(dora_operator_event_t, data, 32);
DORA_AT(dora_operator_event_t, size, 40);
DORA_AT(dora_operator_event_t, metadata, 48);
DORA_AT(dora_operator_event_t, sequence, 56);
DORA_AT(dora_operator_event_t, sent_at_ns, 64);
DORA_AT(dora_operator_event_t, dropped, 72);
DORA_AT(dora_operator_event_t, deadline_ns, 80);
DORA_AT(dora_operator_event_t, grace_ns, 88);
DORA_AT(dora_operator_event_t, token, 96);
DORA_AT(dora_operator_loan_t, data, 0);
DORA_AT(dora_operator_loan_t, size, 8);
DORA_AT(dora_operator_loan_t, reserved, 16);
DORA_AT(dora_host_t, api, 0);
DORA_AT(dora_host_api_t, abi_major, 0);
DORA_AT(dora_host_api_t, abi_minor, 4);
DORA_AT(dora_host_api_t, struct_size, 8);
DORA_AT(dora_host_api_t, reserved, 12);
DORA_AT(dora_host_api_t, get_extension, 16);
DORA_AT(dora_host_api_t, operator_id, 24);
DORA_AT(dora_host_api_t, input_index, 32);
DORA_AT(dora_host_api_t, output_index, 40);
DORA_AT(dora_host_api_t, loan, 48);
DORA_AT(dora_host_api_t, send, 56);
DORA_AT(dora_host_api_t, send_copy, 64);
DORA_AT(dora_host_api_t, discard, 72);
DORA_AT(dora_host_api_t, sample_retain, 80);
DORA_AT(dora_host_api_t, sample_release, 88);
DORA_AT(dora_host_api_t, complete, 96);
DORA_AT(dora_host_api_t, request_stop, 104);
DORA_AT(dora_host_api_t, now, 112);
DORA_AT(dora_host_api_t, log, 120);
DORA_AT(dora_host_api_t, metadata_get, 128);
DORA_AT(dora_host_api_t, metadata_put, 136);
DORA_AT(dora_operator_entry_t, abi_major, 0);
DORA_AT(dora_operator_entry_t, abi_minor, 4);
DORA_AT(dora_operator_entry_t, struct_size, 8);
DORA_AT(dora_operator_entry_t, reserved, 12);
DORA_AT(dora_operator_entry_t, init, 16);
DORA_AT(dora_operator_entry_t, on_event, 24);
DORA_AT(dora_operator_entry_t, destroy, 32);
DORA_AT(dora_ext_thread_check_t, is_worker, 0);
DORA_AT(dora_ext_state_t, get, 0);
DORA_AT(dora_ext_state_t, put, 8);
DORA_AT(dora_ext_state_t, remove, 16);
DORA_AT(dora_ext_state_t, compare_and_set, 24);
#undef DORA_AT
#endif

#ifdef __cplusplus
}
#endif
#endif
