"""``lockgate-worker mirror``: bring external mirrors up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import click

from workers.mirrors import sync as syncing
from workers.outcome import BadRequest, succeed

if TYPE_CHECKING:
    Format = Literal["deb", "rpm"]


@click.group()
def mirror() -> None:
    """External mirrors."""


@mirror.command()
@click.option("--format", "package_format", type=click.Choice(["deb", "rpm"]), required=True)
@click.option("--repository", type=click.Path(path_type=Path), required=True)
@click.option("--to", "target", required=True, help="rsync://USER@HOST:PORT/MODULE/PATH")
@click.option("--url", required=True, help="Where the mirror's clients read.")
@click.option("--password-file", type=click.Path(path_type=Path), required=True)
def sync(package_format: str, repository: Path, target: str, url: str, password_file: Path) -> None:
    """Bring one mirror to what the repository has published, as one transaction."""
    if not target.startswith("rsync://"):
        raise BadRequest(f"--to is an address like rsync://USER@HOST/MODULE/PATH, not {target!r}")
    mirrored = syncing.Mirror(target.rstrip("/"), url.rstrip("/"), password_file)
    succeed(syncing.sync(cast("Format", package_format), repository.resolve(), mirrored))
