"""``lockgate-worker root``: make and remove root images."""

from __future__ import annotations

from pathlib import Path

import click

from workers.outcome import succeed
from workers.roots.cache import make_root, refresh_roots, remove_root
from workers.roots.recipes import KINDS

_cache = click.option(
    "--cache",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of this user's root images.",
)


@click.group()
def root() -> None:
    """Make and remove the root images that builds and install tests run in."""


@root.command()
@click.option("--kind", required=True, type=click.Choice(KINDS))
@_cache
def make(kind: str, cache: Path) -> None:
    """Make an image unless the cache has it; print its path and id."""
    image = make_root(kind, cache)
    succeed({"root": str(image.path), "id": image.id, "seconds": round(image.seconds, 3)})


@root.command()
@_cache
def refresh(cache: Path) -> None:
    """Make all images of the cache anew, of the packages that the distribution has now."""
    succeed({"images": refresh_roots(cache)})


@root.command()
@click.option("--kind", type=click.Choice(KINDS), help="Only this kind; all without it.")
@_cache
def remove(kind: str | None, cache: Path) -> None:
    """Remove images that are not in use; their files belong to other user ids."""
    succeed({"removed": remove_root(cache, kind)})
