"""What the packages of a benchmark say and hold: unlike each other as real ones are, repeatable."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_STEMS = ("lib", "python3-", "golang-", "ruby-", "node-", "r-cran-", "fonts-", "", "", "", "")
_WORDS = (
    *("anchor", "arrow", "basin", "beacon", "birch", "bolt", "cedar", "cipher", "cloud", "copper"),
    *("delta", "drift", "ember", "falcon", "fern", "flint", "garnet", "gauge", "harbor", "hazel"),
    *("index", "iris", "jasper", "kernel", "kite", "lagoon", "lantern", "maple", "meadow", "mesh"),
    *("nectar", "north", "opal", "orbit", "pebble", "pivot", "quartz", "quill", "raven", "ridge"),
    *("saddle", "signal", "slate", "tangent", "thistle", "umber", "valley", "vector", "willow"),
)
_SECTIONS = ("admin", "devel", "doc", "libs", "net", "python", "utils", "web")
_FEWEST, _MOST = 2, 20  # files

CHANGING = range(1_000_000, 1_000_010)
"""Numbers of the packages that are published again and again.

They need no others, so that a client can install one.
"""


@dataclass(frozen=True)
class Sketch:
    """A package to be made."""

    name: str
    version: str
    section: str
    summary: str
    description: list[str]
    depends: list[str]
    files: dict[str, bytes]
    """By path, without a slash in front."""


def sketch(number: int, revision: int = 0) -> Sketch:
    """The package of a number, in a version that is higher with each revision.

    No two numbers have one name; of another revision the version and the files' contents differ.
    """
    random = Random(number)  # noqa: S311 - nothing secret: the same each time
    bits = Random(f"{number} {revision}")  # noqa: S311
    name = f"{random.choice(_STEMS)}{random.choice(_WORDS)}-{random.choice(_WORDS)}{number}"
    folder = f"usr/share/{name}"
    files = {
        f"{folder}/{random.choice(_WORDS)}-{place}.txt": bits.randbytes(random.randint(20, 400))
        for place in range(random.randint(_FEWEST, _MOST) - 1)
    }
    files[f"usr/share/doc/{name}/copyright"] = f"{name}: {_sentence(random)}\n".encode()
    return Sketch(
        name=name,
        version=f"{random.randint(0, 9)}.{random.randint(0, 40)}.{random.randint(0, 9) + revision}",
        section=random.choice(_SECTIONS),
        summary=" ".join(random.choices(_WORDS, k=5)),
        description=[_sentence(random) for _ in range(random.randint(2, 6))],
        depends=[
            f"{random.choice(_STEMS)}{random.choice(_WORDS)}-{random.choice(_WORDS)}"
            for _ in range(0 if number in CHANGING else random.randint(1, 8))
        ],
        files=files,
    )


def _sentence(random: Random) -> str:
    return " ".join(random.choices(_WORDS, k=random.randint(7, 11))).capitalize() + "."
