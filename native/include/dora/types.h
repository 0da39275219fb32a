/*
 * Types shared by the node API (node.h) and the operator ABI (operator.h).
 *
 * Fixed-width integers only; no enum or bool fields, no `long`, nothing of C++. Compiles as C11 and C++17 without
 * warnings. Status: 0 is success, positive values are ordinary outcomes that are no failure, negative values are
 * failures. Every status has a code of the same name (without DORA_) in docs/errors.md.
 */
#ifndef DORA_TYPES_H
#define DORA_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define DORA_EXPORT __declspec(dllexport)
#else
#define DORA_EXPORT __attribute__((visibility("default")))
#endif

/* ---- status ------------------------------------------------------------------------------------------------- */
#define DORA_OK 0
#define DORA_EMPTY 1       /* nothing there now */
#define DORA_WOULD_BLOCK 2 /* a backpressure subscriber is full; nobody got the message; the loan is still yours */
#define DORA_TIMEOUT 3     /* the time given has passed */

#define DORA_INVALID_ARGUMENT (-1)
#define DORA_SHM_EXHAUSTED (-2)    /* the memory budget is used up; the message has the figures */
#define DORA_SHM_CORRUPT (-3)      /* a peer wrote something impossible; that edge is closed */
#define DORA_TOO_LARGE (-4)        /* payload or metadata beyond what a slot can ever hold */
#define DORA_ENDED (-5)            /* the node, or this output, is closed */
#define DORA_NOT_IN_DATAFLOW (-6)  /* not started by a daemon: DORA_NODE_CONFIG is missing or unreadable */
#define DORA_JOIN_REFUSED (-7)     /* the daemon does not know this token, or it is used up */
#define DORA_VERSION_MISMATCH (-8) /* node library and daemon speak different protocol versions */
#define DORA_OS_ERROR (-9)         /* a system call failed; the message names it */
#define DORA_UNKNOWN_OUTPUT (-10)
#define DORA_ALREADY_CONNECTED (-11)
#define DORA_INTERNAL (-12)           /* a broken invariant: please report it */
#define DORA_BACKPRESSURE_CYCLE (-13) /* nodes wait for each other in a ring; nobody got the message */

/* ---- payload encodings -------------------------------------------------------------------------------------- */
#define DORA_ENCODING_RAW 0
#define DORA_ENCODING_UTF8 1
#define DORA_ENCODING_JSON 2
#define DORA_ENCODING_ARROW 3 /* Arrow IPC stream */

/* ---- queue policies ----------------------------------------------------------------------------------------- */
#define DORA_DROP_OLDEST 0
#define DORA_BACKPRESSURE 1

/* ---- metadata value types (binary layout: ARCHITECTURE.md, "Metadata") --------------------------------------- */
#define DORA_META_BOOL 1
#define DORA_META_INT64 2
#define DORA_META_FLOAT64 3
#define DORA_META_STRING 4
#define DORA_META_BYTES 5
#define DORA_META_LIST_BOOL 6
#define DORA_META_LIST_INT64 7
#define DORA_META_LIST_FLOAT64 8
#define DORA_META_LIST_STRING 9

/* Largest encoded metadata of one message, in bytes. */
#define DORA_MAX_METADATA 65536

/* ---- why an input closed, why the node should stop ------------------------------------------------------------ */
#define DORA_REASON_NONE 0
#define DORA_REASON_ENDED 1   /* the publisher is done */
#define DORA_REASON_CRASHED 2 /* the publisher died */
#define DORA_REASON_TIMEOUT 3
#define DORA_REASON_LINK 4
#define DORA_REASON_CORRUPT 5
#define DORA_REASON_USER 6 /* somebody asked for the stop */
#define DORA_REASON_ALL_INPUTS_CLOSED 7
#define DORA_REASON_FAILURE 8  /* another node failed */
#define DORA_REASON_SHUTDOWN 9 /* the daemon is gone and this node does not outlive it */

/* ---- event types ---------------------------------------------------------------------------------------------- */
#define DORA_EVENT_NONE 0
#define DORA_EVENT_INPUT 1
#define DORA_EVENT_INPUT_CLOSED 2
#define DORA_EVENT_INPUT_RECOVERED 3
#define DORA_EVENT_STOP 4
#define DORA_EVENT_ERROR 5 /* something the node survives, such as a corrupt peer */
#define DORA_EVENT_END 6   /* last event of the stream */

/* A failure in words. Strings are owned by the structure and always terminated; empty when there is nothing to say. */
typedef struct dora_error {
  int32_t status;
  int32_t os_errno;
  char message[512];
  char hint[512];
} dora_error_t;

#ifdef __cplusplus
}
#endif
#endif
