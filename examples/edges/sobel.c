/*
 * The example's operator: edges of an image, by the Sobel operator. RGB in (3 bytes a pixel), grey out (1 byte a
 * pixel), one message for each it receives. It reads the frame where the camera wrote it and writes the result where
 * the sink reads it: the only copies are three rows of brightness.
 *
 * Metadata in: width, height, frame. Metadata out: width, height, encoding, frame as it came, sent_at_ns (when the
 * camera sent the frame) and lost (frames that this operator's input has dropped so far), from which the sink knows
 * what happened on the way.
 *
 *   brightness = (77 R + 150 G + 29 B) / 256
 *        -1 0 1           -1 -2 -1
 *   gx = -2 0 2      gy =  0  0  0       edge = min(255, floor(sqrt(gx² + gy²))); 0 at the border of the image
 *        -1 0 1            1  2  1
 */
#include <dora/operator.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 16384
#define METADATA_BYTES 512

typedef struct sobel {
  uint8_t* rows; /* three rows of brightness, used in turn */
  int64_t width; /* for which they are allocated */
  int64_t lost;
} sobel_t;

static void fill_brightness(const uint8_t* rgb, int64_t width, uint8_t* row) {
  for (int64_t x = 0; x < width; x++, rgb += 3) row[x] = (uint8_t)((77 * rgb[0] + 150 * rgb[1] + 29 * rgb[2]) >> 8);
}

static void find_edges(const uint8_t* above, const uint8_t* here, const uint8_t* below, int64_t width, uint8_t* edges) {
  edges[0] = 0;
  for (int64_t x = 1; x < width - 1; x++) {
    int gx = above[x + 1] - above[x - 1] + 2 * (here[x + 1] - here[x - 1]) + below[x + 1] - below[x - 1];
    int gy = below[x - 1] - above[x - 1] + 2 * (below[x] - above[x]) + below[x + 1] - above[x + 1];
    /* A float holds every sum there can be exactly, so that its rounded root has the right whole part. */
    float edge = sqrtf((float)(gx * gx + gy * gy));
    edges[x] = edge < 255.0f ? (uint8_t)edge : 255;
  }
  edges[width - 1] = 0;
}

static void find_all_edges(const sobel_t* sobel, const uint8_t* rgb, int64_t width, int64_t height, uint8_t* edges) {
  memset(edges, 0, (size_t)width);
  for (int64_t y = 0; y < height; y++) {
    fill_brightness(rgb + y * width * 3, width, sobel->rows + y % 3 * width);
    if (y < 2) continue; /* row y - 1 has both its neighbours as soon as row y is there */
    find_edges(sobel->rows + (y - 2) % 3 * width, sobel->rows + (y - 1) % 3 * width, sobel->rows + y % 3 * width, width,
               edges + (y - 1) * width);
  }
  memset(edges + (height - 1) * width, 0, (size_t)width);
}

/* What on_event returns after a failure: a status that ends the operator. */
static int32_t fail(const dora_host_t* host, int32_t status, const char* text) {
  host->api->log(host, DORA_LOG_ERROR, text);
  return status < 0 ? status : DORA_INTERNAL;
}

static int read_integer(const dora_host_t* host, const dora_operator_event_t* event, const char* key, int64_t* value) {
  uint32_t type;
  uint64_t size;
  const void* bytes;
  if (event->metadata == NULL) return 0;
  if (host->api->metadata_get(host, event->metadata, event->metadata_size, key, &type, &bytes, &size) != DORA_OK)
    return 0;
  if (type != DORA_META_INT64) return 0;
  memcpy(value, bytes, sizeof *value);
  return 1;
}

static int32_t send_edges(const dora_host_t* host, const sobel_t* sobel, const dora_operator_event_t* event,
                          int64_t width, int64_t height, int64_t frame, dora_operator_loan_t* loan,
                          dora_error_t* error) {
  uint8_t metadata[METADATA_BYTES];
  uint64_t size = 0;
  int64_t sent_at_ns = (int64_t)event->sent_at_ns;
  const struct {
    const char* key;
    const int64_t* value;
  } integers[] = {
      {"frame", &frame}, {"width", &width}, {"height", &height}, {"sent_at_ns", &sent_at_ns}, {"lost", &sobel->lost}};
  int32_t status = host->api->metadata_put(host, metadata, sizeof metadata, &size, "encoding", DORA_META_STRING,
                                           "mono8", strlen("mono8"));
  for (size_t i = 0; status == DORA_OK && i < sizeof integers / sizeof integers[0]; i++) {
    status = host->api->metadata_put(host, metadata, sizeof metadata, &size, integers[i].key, DORA_META_INT64,
                                     integers[i].value, 8);
  }
  if (status != DORA_OK) return status;
  return host->api->send(host, loan, DORA_ENCODING_RAW, metadata, (uint32_t)size, error);
}

static int32_t on_image(const dora_host_t* host, sobel_t* sobel, const dora_operator_event_t* event) {
  int64_t width, height, frame;
  dora_operator_loan_t loan;
  dora_error_t error;
  int32_t status;
  if (!read_integer(host, event, "width", &width) || !read_integer(host, event, "height", &height) ||
      !read_integer(host, event, "frame", &frame)) {
    return fail(host, DORA_INVALID_ARGUMENT, "an image needs width, height and frame as integers in its metadata");
  }
  if (width < 3 || height < 3 || width > MAX_SIDE || height > MAX_SIDE ||
      event->size != (uint64_t)(width * height * 3)) {
    return fail(host, DORA_INVALID_ARGUMENT,
                "an image has width x height pixels of 3 bytes, 3 to 16384 a side; this one has not");
  }
  if (width != sobel->width) {
    uint8_t* rows = realloc(sobel->rows, (size_t)width * 3);
    if (rows == NULL) return fail(host, DORA_INTERNAL, "no memory for three rows");
    sobel->rows = rows;
    sobel->width = width;
  }
  sobel->lost += (int64_t)event->dropped;
  status = host->api->loan(host, 0, (uint64_t)(width * height), &loan, &error);
  if (status != DORA_OK) return fail(host, status, status < 0 ? error.message : "no memory to write into yet");
  find_all_edges(sobel, event->data, width, height, loan.data);
  memset(&error, 0, sizeof error);
  status = send_edges(host, sobel, event, width, height, frame, &loan, &error);
  if (status == DORA_OK) return DORA_OK;
  host->api->discard(host, &loan);
  return fail(host, status, error.message[0] != '\0' ? error.message : "the edges could not be sent");
}

static int32_t init(const dora_host_t* host, void** state) {
  (void)host;
  *state = calloc(1, sizeof(sobel_t));
  return *state == NULL ? DORA_INTERNAL : DORA_OK;
}

static int32_t on_event(const dora_host_t* host, void* state, const dora_operator_event_t* event) {
  return event->type == DORA_EVENT_INPUT ? on_image(host, state, event) : DORA_OK;
}

static void destroy(const dora_host_t* host, void* state) {
  sobel_t* sobel = state;
  (void)host;
  free(sobel->rows);
  free(sobel);
}

DORA_OPERATOR_EXPORT const dora_operator_entry_t dora_operator_entry = {DORA_OPERATOR_HEAD, init, on_event, destroy};
