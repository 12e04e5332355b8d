#include <stdio.h>

int main(void)
{
	puts("There is light.");
	return 0;
}
