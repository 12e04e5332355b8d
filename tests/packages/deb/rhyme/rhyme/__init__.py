"""Says which words rhyme."""

import sys
from itertools import pairwise


def rhyming(words: list[str]) -> list[tuple[str, str]]:
    """Return the pairs of neighbours whose last two letters are the same.

    >>> rhyming(["light", "night", "day"])
    [('light', 'night')]
    """
    return [(one, other) for one, other in pairwise(words) if one[-2:] == other[-2:]]


def main() -> None:
    """Print them."""
    for one, other in rhyming(sys.argv[1:]):
        sys.stdout.write(f"{one} {other}\n")
