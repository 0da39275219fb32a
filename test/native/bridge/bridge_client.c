/*
 * A bridge as a stranger would write it: a library of plain C, compiled against dora/bridge.h alone and linked to
 * nothing of the core. Reads outputs, forwards them through a stand-in, and gives samples back on a thread of its own.
 *
 * Payloads are those of kill_peer.cc: a number, repeated, in a length that depends on it; so a torn message, or one
 * that changes while it is held, shows.
 */
#include "bridge_client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HELD 64

struct held {
  dora_bridge_event_t event;
  uint64_t number;
};

struct bridge_client {
  const dora_bridge_api_t* api;
  dora_bridge_t* bridge;
  dora_bridge_member_t* reader;
  dora_bridge_member_t* stand_in;
  int32_t forward;
  uint32_t hold;
  uint64_t last; /* number of the newest message */
  bridge_seen_t seen;
  int has_pending; /* an event that the stand-in had no room for */
  dora_bridge_event_t pending;

  pthread_t thread; /* gives samples back */
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct held held[MAX_HELD + 1];
  uint32_t held_count;
  int stop;
  uint64_t released, wrong; /* under `lock` */
};

static uint64_t words_of(uint64_t number) { return 1 + number * 2654435761u % 700; }

static int intact(const dora_bridge_event_t* event, uint64_t* number) {
  uint64_t i;
  if (event->size < 8) return 0;
  memcpy(number, event->data, 8);
  if (event->size != words_of(*number) * 8) return 0;
  for (i = 0; i < event->size; i += 8) {
    if (memcmp(event->data + i, number, 8) != 0) return 0;
  }
  return 1;
}

static void note_failure(bridge_client_t* client, int32_t status) {
  if (client->seen.failure == 0) client->seen.failure = status;
}

/* ---- giving back, on another thread --------------------------------------------------------------------------- */

static void release_first(bridge_client_t* client) {
  struct held first = client->held[0];
  uint64_t number = 0;
  memmove(client->held, client->held + 1, --client->held_count * sizeof first);
  pthread_mutex_unlock(&client->lock);
  const int good = intact(&first.event, &number) && number == first.number;
  client->api->release(&first.event);
  client->api->release(&first.event); /* harmless */
  pthread_mutex_lock(&client->lock);
  client->released++;
  if (!good) client->wrong++;
  pthread_cond_broadcast(&client->changed);
}

static void* give_back(void* argument) {
  bridge_client_t* client = argument;
  pthread_mutex_lock(&client->lock);
  for (;;) {
    if (client->held_count > client->hold) {
      release_first(client);
    } else if (client->stop) {
      break;
    } else {
      pthread_cond_wait(&client->changed, &client->lock);
    }
  }
  pthread_mutex_unlock(&client->lock);
  return NULL;
}

static void keep(bridge_client_t* client, const dora_bridge_event_t* event, uint64_t number) {
  pthread_mutex_lock(&client->lock);
  while (client->held_count > MAX_HELD - 1) pthread_cond_wait(&client->changed, &client->lock);
  client->held[client->held_count].event = *event;
  client->held[client->held_count++].number = number;
  pthread_cond_broadcast(&client->changed);
  pthread_mutex_unlock(&client->lock);
}

static void release_held(bridge_client_t* client) {
  pthread_mutex_lock(&client->lock);
  while (client->held_count > 0) release_first(client);
  pthread_mutex_unlock(&client->lock);
}

/* ---- forwarding ------------------------------------------------------------------------------------------------- */

/* 1: sent; 0: there is no room. */
static int forward(bridge_client_t* client, const dora_bridge_event_t* event) {
  dora_bridge_loan_t loan;
  dora_error_t error;
  dora_bridge_message_t how = {.struct_size = sizeof how};
  int32_t status = client->api->loan(client->stand_in, 0, event->size, &loan, &error);
  if (status == DORA_SHM_EXHAUSTED) return 0;
  if (status != DORA_OK) {
    note_failure(client, status);
    return 1;
  }
  if (event->size > 0) memcpy(loan.data, event->data, event->size);
  how.encoding = event->encoding;
  how.metadata = event->metadata;
  how.metadata_size = (uint32_t)event->metadata_size;
  how.sent_at_ns = event->sent_at_ns;
  how.flags = DORA_BRIDGE_ARM;
  status = client->api->send(client->stand_in, &loan, &how, &error);
  if (status == DORA_OK) {
    client->seen.sent++;
    return 1;
  }
  client->api->discard(client->stand_in, &loan);
  if (status == DORA_WOULD_BLOCK) {
    client->seen.refused++;
    return 0;
  }
  note_failure(client, status);
  return 1;
}

static void on_message(bridge_client_t* client, dora_bridge_event_t* event) {
  uint64_t number = 0;
  uint32_t type = 0;
  const void* value = NULL;
  uint64_t value_size = 0;
  client->seen.received++;
  client->seen.dropped += event->dropped;
  client->seen.last_sent_at_ns = event->sent_at_ns;
  if (!intact(event, &number) || number <= client->last) client->seen.wrong++;
  client->last = number;
  if (client->api->metadata_get(event->metadata, event->metadata_size, "n", &type, &value, &value_size) == DORA_OK &&
      type == DORA_META_INT64 && value_size == 8)
    memcpy(&client->seen.last_metadata, value, 8);
  if (client->forward) {
    if (!forward(client, event)) {
      client->pending = *event;
      client->has_pending = 1;
      client->api->pause(client->reader, 1);
      return;
    }
    client->api->release(event);
    return;
  }
  keep(client, event, number);
}

static void on_event(bridge_client_t* client, dora_bridge_event_t* event) {
  switch (event->type) {
    case DORA_EVENT_INPUT: on_message(client, event); return;
    case DORA_EVENT_INPUT_CLOSED:
      client->seen.closed++;
      client->seen.closed_reason = event->reason;
      break;
    case DORA_EVENT_STOP: client->seen.stopped++; break;
    case DORA_EVENT_END: client->seen.ended++; break;
    case DORA_EVENT_ERROR: note_failure(client, DORA_INTERNAL); break;
    case DORA_BRIDGE_READY: client->seen.ready++; break;
    case DORA_BRIDGE_JOINED: client->seen.joined++; break;
    case DORA_BRIDGE_STARTED: client->seen.started++; break;
    case DORA_BRIDGE_LEFT: client->seen.left++; break;
    case DORA_BRIDGE_LOST:
      client->seen.lost++;
      client->seen.lost_pid = event->pid;
      break;
    default: break;
  }
  client->api->release(event);
}

static void pump(bridge_client_t* client, int32_t ms) {
  dora_bridge_event_t event = {.struct_size = sizeof event};
  struct pollfd wait = {.fd = client->api->wait_fd(client->bridge), .events = POLLIN};
  int turn;
  for (turn = 0; turn < 2; turn++) {
    if (client->has_pending && forward(client, &client->pending)) {
      client->has_pending = 0;
      client->api->release(&client->pending);
      client->api->pause(client->reader, 0);
    }
    while (client->api->next(client->bridge, &event) == DORA_OK) on_event(client, &event);
    if (turn == 0 && client->api->prepare_wait(client->bridge) == 1) {
      while (poll(&wait, 1, ms) < 0 && errno == EINTR) continue;
    }
  }
}

/* ---- what the test calls ------------------------------------------------------------------------------------------
 */

static bridge_client_t* client_open(const dora_bridge_host_t* host) {
  bridge_client_t* client;
  dora_error_t error;
  if (host->api->abi_major != DORA_BRIDGE_ABI_MAJOR || host->api->struct_size < sizeof(dora_bridge_api_t)) return NULL;
  client = calloc(1, sizeof *client);
  if (client == NULL) return NULL;
  client->api = host->api;
  if (client->api->open(host, NULL, &client->bridge, &error) != DORA_OK) {
    free(client);
    return NULL;
  }
  pthread_mutex_init(&client->lock, NULL);
  pthread_cond_init(&client->changed, NULL);
  pthread_create(&client->thread, NULL, give_back, client);
  return client;
}

static void client_close(bridge_client_t* client) {
  client->api->close(client->bridge);
  /* What is lent outlives the client of the core. */
  release_held(client);
  if (client->has_pending) client->api->release(&client->pending);
  pthread_mutex_lock(&client->lock);
  client->stop = 1;
  pthread_cond_broadcast(&client->changed);
  pthread_mutex_unlock(&client->lock);
  pthread_join(client->thread, NULL);
  pthread_mutex_destroy(&client->lock);
  pthread_cond_destroy(&client->changed);
  free(client);
}

static const bridge_seen_t* client_seen(bridge_client_t* client) {
  pthread_mutex_lock(&client->lock);
  client->seen.released = client->released;
  client->seen.wrong += client->wrong;
  client->wrong = 0;
  pthread_mutex_unlock(&client->lock);
  return &client->seen;
}

static int32_t client_read(bridge_client_t* client, const char* name, const char* node, const char* output,
                           uint32_t queue_size, uint32_t policy, uint32_t hold) {
  dora_error_t error;
  const dora_bridge_input_t input = {.node = node, .output = output, .queue_size = queue_size, .policy = policy};
  const dora_bridge_subscription_t what = {.struct_size = sizeof what,
                                           .input_size = sizeof input,
                                           .dataflow = "flow",
                                           .name = name,
                                           .inputs = &input,
                                           .input_count = 1,
                                           .user = client};
  dora_bridge_member_t* member;
  const int32_t status = client->api->subscribe(client->bridge, &what, &member, &error);
  if (status != DORA_OK) return status;
  pthread_mutex_lock(&client->lock);
  client->hold = hold;
  pthread_mutex_unlock(&client->lock);
  client->last = 0;
  client->reader = member;
  return DORA_OK;
}

static int32_t client_stand_in(bridge_client_t* client, const char* node, int32_t forward_too) {
  dora_error_t error;
  dora_bridge_member_t* member;
  const int32_t status = client->api->stand_in(client->bridge, "flow", node, client, &member, &error);
  if (status != DORA_OK) return status;
  client->forward = forward_too;
  client->stand_in = member;
  return DORA_OK;
}

static void client_leave(bridge_client_t* client, int32_t reader, uint32_t reason) {
  dora_bridge_member_t** member = reader ? &client->reader : &client->stand_in;
  client->api->leave(*member, reason);
  *member = NULL;
}

static int32_t client_publish(bridge_client_t* client, uint64_t number, uint64_t sent_at_ns, int32_t by_loan) {
  uint64_t payload[700];
  uint8_t metadata[64];
  uint64_t metadata_size = 0, i;
  const uint64_t words = words_of(number);
  dora_error_t error;
  dora_bridge_loan_t loan;
  dora_bridge_message_t how = {.struct_size = sizeof how};
  int32_t status;
  for (i = 0; i < words; i++) payload[i] = number;
  client->api->metadata_put(metadata, sizeof metadata, &metadata_size, "n", DORA_META_INT64, &number, 8);
  how.metadata = metadata;
  how.metadata_size = (uint32_t)metadata_size;
  how.sent_at_ns = sent_at_ns;
  how.flags = DORA_BRIDGE_ARM;
  if (!by_loan) {
    status = client->api->send_copy(client->stand_in, 0, payload, words * 8, &how, &error);
  } else {
    status = client->api->loan(client->stand_in, 0, words * 8, &loan, &error);
    if (status != DORA_OK) return status;
    memcpy(loan.data, payload, words * 8);
    status = client->api->send(client->stand_in, &loan, &how, &error);
    if (status != DORA_OK) client->api->discard(client->stand_in, &loan);
  }
  if (status == DORA_OK) client->seen.sent++;
  if (status == DORA_WOULD_BLOCK) client->seen.refused++;
  return status;
}

/* A client of the future has longer structures. */
struct newer_message {
  dora_bridge_message_t known;
  uint64_t more[2];
};
struct newer_event {
  dora_bridge_event_t known;
  uint64_t more[4];
};

static int32_t client_check_sizes(bridge_client_t* client) {
  const dora_bridge_api_t* api = client->api;
  dora_error_t error;
  struct newer_message newer = {.known = {.struct_size = sizeof newer}};
  /* An older one knows no more of a message than its encoding. */
  struct {
    uint32_t struct_size, encoding;
  } older = {sizeof older, DORA_ENCODING_UTF8};
  const void* older_message = &older;
  struct newer_event event;
  dora_bridge_event_t small = {.struct_size = 100};
  uint64_t i;
  if (api->send_copy(client->stand_in, 0, "x", 1, older_message, &error) != DORA_OK) return 1;
  if (api->send_copy(client->stand_in, 0, "x", 1, &newer.known, &error) != DORA_OK) return 2;
  newer.more[1] = 1;
  if (api->send_copy(client->stand_in, 0, "x", 1, &newer.known, &error) != DORA_INVALID_ARGUMENT) return 3;
  if (error.status != DORA_INVALID_ARGUMENT || error.message[0] == 0 || error.hint[0] == 0) return 4;
  older.struct_size = 0;
  if (api->send_copy(client->stand_in, 0, "x", 1, older_message, &error) != DORA_INVALID_ARGUMENT) return 5;
  if (api->next(client->bridge, &small) != DORA_INVALID_ARGUMENT) return 6;
  memset(&event, 0xee, sizeof event);
  event.known.struct_size = sizeof event;
  if (api->next(client->bridge, &event.known) < 0) return 7;
  if (event.known.struct_size != sizeof event) return 8;
  for (i = 0; i < 4; i++) {
    if (event.more[i] != 0) return 9;
  }
  api->release(&event.known);
  if (api->send_copy(client->stand_in, 99, "x", 1, NULL, &error) != DORA_UNKNOWN_OUTPUT) return 10;
  if (api->send_copy(NULL, 0, "x", 1, NULL, NULL) != DORA_INVALID_ARGUMENT) return 11;
  if (api->next(NULL, &event.known) != DORA_INVALID_ARGUMENT) return 12;
  return 0;
}

DORA_EXPORT const bridge_client_api_t bridge_client = {client_open,     client_close,      client_seen, client_read,
                                                       client_stand_in, client_leave,      pump,        client_publish,
                                                       release_held,    client_check_sizes};
