#include "ring.h"

#define SIZE sizeof(((struct ring *)0)->bytes)

void ring_clear(struct ring *ring)
{
	ring->first = 0;
	ring->held = 0;
}

int ring_put(struct ring *ring, unsigned char byte)
{
	if (ring->held == SIZE)
		return -1;
	ring->bytes[ring->first + ring->held++] = byte;
	return 0;
}

int ring_take(struct ring *ring)
{
	int byte;

	if (ring->held == 0)
		return -1;
	byte = ring->bytes[ring->first];
	ring->first = (ring->first + 1) % SIZE;
	ring->held--;
	return byte;
}

const char *ring_version(void)
{
	return RING_VERSION;
}
