#ifndef RING_H
#define RING_H
#include <stddef.h>

/* A ring of bytes: what is written first is read first, and a full ring takes no more. */
struct ring {
	size_t first;
	size_t held;
	unsigned char bytes[64];
};

void ring_clear(struct ring *ring);
int ring_put(struct ring *ring, unsigned char byte);
int ring_take(struct ring *ring);
const char *ring_version(void);
#endif
