/* Loaded before the C library (LD_PRELOAD) by pages.mjs: says that a memory page has DORA_TEST_PAGE_SIZE bytes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

long sysconf(int name) {
  const char* size = getenv("DORA_TEST_PAGE_SIZE");
  if (name == _SC_PAGESIZE && size != NULL) return strtol(size, NULL, 10);
  return ((long (*)(int))dlsym(RTLD_NEXT, "sysconf"))(name);
}
