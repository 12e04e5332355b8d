"""Finding one package among all that a repository keeps."""

from __future__ import annotations

from functools import cmp_to_key
from typing import TYPE_CHECKING

from workers.provenance import kept
from workers.repository.package import SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from workers.provenance.chain import Chain, Generation
    from workers.provenance.findings import Findings
    from workers.repository.package import Published


def generations(findings: Findings, chain: Chain) -> Iterator[Generation]:
    """Those that are kept, the published one first."""
    published = chain.generation(findings, None)
    if published is not None:
        yield published
    for line in kept.read_lines(findings):
        if published is None or line.generation != published.stamp:
            older = chain.generation(findings, line.generation)
            if older is not None:
                yield older


def newest(chain: Chain, packages: Iterable[Published]) -> Published:
    """The newest of some packages, of which one must be there: a binary one rather than a source.

    Raises ValueError if there is none.
    """
    ordered = sorted(packages, key=lambda each: each.file)
    binary = [each for each in ordered if each.architecture not in SOURCES]
    by_version = cmp_to_key(chain.compare)
    return max(binary or ordered, key=lambda each: by_version(each.version))
