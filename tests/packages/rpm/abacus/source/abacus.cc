#include <fstream>
#include <iostream>
#include <string>

// Adds up the numbers of a file, by default its own table of examples.
int main(int argc, char **argv)
{
	std::ifstream file(argc > 1 ? argv[1] : ABACUS_DATA "/examples");
	long number = 0, sum = 0;

	if (!file)
		return 1;
	while (file >> number)
		sum += number;
	std::cout << sum << '\n';
}
