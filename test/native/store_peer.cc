// A node on the C API that stores into what it received, or into memory that was never its own:
//
//   store_peer received | elsewhere
#include <dora/node.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int main(int argc, char** argv) {
  dora_node_t* node;
  dora_error_t error;
  dora_event_t event;
  if (argc != 2) return 64;
  if (dora_node_connect(nullptr, &node, &error) != DORA_OK) {
    fprintf(stderr, "%s %s\n", error.message, error.hint);
    return 1;
  }
  void* foreign = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  while (dora_node_next(node, -1, &event) == DORA_OK && event.type != DORA_EVENT_END) {
    if (event.type == DORA_EVENT_INPUT) {
      auto* target =
          strcmp(argv[1], "received") == 0 ? const_cast<uint8_t*>(event.data) : static_cast<uint8_t*>(foreign);
      *static_cast<volatile uint8_t*>(target) = 1;
    }
    dora_event_release(node, &event);
  }
  dora_node_close(node);
  return 0;
}
