#include <stdio.h>
#include <ring.h>

/* Lets each argument's first letter through a ring and prints what comes out. */
int main(int argc, char **argv)
{
	struct ring ring;
	int byte, number;

	ring_clear(&ring);
	for (number = 1; number < argc; number++)
		if (ring_put(&ring, argv[number][0]))
			return 1;
	while ((byte = ring_take(&ring)) >= 0)
		putchar(byte);
	putchar('\n');
	return 0;
}
