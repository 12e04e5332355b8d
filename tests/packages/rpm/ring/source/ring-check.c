#include <stdio.h>
#include "ring.h"

int main(void)
{
	struct ring ring;
	int round;

	ring_clear(&ring);
	for (round = 0; round < 200; round++)
		if (ring_put(&ring, round % 251) || ring_put(&ring, round % 7) ||
		    ring_take(&ring) < 0 || ring_take(&ring) != round % 7)
			return 1;
	printf("ring %s turns\n", ring_version());
	return 0;
}
