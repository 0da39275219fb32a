/*
 * Brakes when something is nearer than 100 cm, and drives on when it is farther away than 120 cm.
 *
 * A node: a program of its own, which joins the dataflow by libdora. dora/node.h explains every function.
 */
#include <dora/node.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int fail(const dora_error_t* error) {
  fprintf(stderr, "%s\n%s\n", error->message, error->hint);
  return 1;
}

static void on_distance(const dora_event_t* event, int* braking) {
  int32_t centimetres;
  if (event->size != sizeof centimetres) {
    fprintf(stderr, "a distance has 4 bytes; this message has %" PRIu64 "\n", event->size);
    return;
  }
  /* event->data is read-only and lent until the event is released. */
  memcpy(&centimetres, event->data, sizeof centimetres);
  if (centimetres < 100) *braking = 1;
  if (centimetres > 120) *braking = 0;
  printf("%" PRId32 " cm: %s\n", centimetres, *braking ? "brake" : "drive");
  /* stdout is a pipe here, and C keeps what it prints into one until there is much of it. */
  fflush(stdout);
}

int main(void) {
  dora_node_t* node;
  dora_error_t error;
  dora_event_t event;
  int braking = 0;
  if (dora_node_connect(NULL, &node, &error) != DORA_OK) return fail(&error);
  while (dora_node_next(node, -1, &event) == DORA_OK && event.type != DORA_EVENT_END) {
    if (event.type == DORA_EVENT_INPUT) on_distance(&event, &braking);
    dora_event_release(node, &event);
  }
  dora_node_close(node);
  return 0;
}
