/* A library that is no operator: it exports something, but not dora_operator_entry. */
#include <dora/operator.h>
DORA_EXPORT int32_t something_else(void) { return 1; }
