/*
 * The message of this example: what the publisher writes and the subscriber expects. Reading number n has n % 64 + 1
 * KiB of samples, so that both small and large messages cross, and every sample follows from n.
 */
#ifndef READING_H
#define READING_H

#include <stdint.h>

static inline uint64_t reading_samples(int64_t number) { return (uint64_t)(number % 64 + 1) * 256; }

static inline uint32_t reading_sample(int64_t number, uint64_t index) {
  return (uint32_t)number * 2654435761u + (uint32_t)index;
}

#endif
