"""``lockgate-worker artifacts``: describe and fetch the files builds hand on."""

from __future__ import annotations

from pathlib import Path

import click
from pydantic import ValidationError

from workers.artifacts.clean import clean
from workers.artifacts.store import Artifacts, describe, fetch
from workers.in_use import names_in_use
from workers.outcome import BadRequest, succeed


@click.group()
def artifacts() -> None:
    """Files handed from one build to another."""


@artifacts.command("describe")
@click.option("--folder", type=click.Path(path_type=Path), required=True)
@click.option("--url", required=True, help="Where the folder will be served.")
def describe_command(folder: Path, url: str) -> None:
    """Print a folder's files with their SHA-256."""
    succeed(describe(folder, url).model_dump())


@artifacts.command("fetch")
@click.option("--request", type=click.Path(path_type=Path), required=True)
@click.option("--into", type=click.Path(path_type=Path), required=True)
def fetch_command(request: Path, into: Path) -> None:
    """Fetch what `describe` printed into a new folder, checking each hash."""
    try:
        wanted = Artifacts.model_validate_json(request.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise BadRequest(f"{request} is no description of artifacts: {error}") from error
    fetch(wanted, into)
    succeed({"folder": str(into), "files": wanted.files})


@artifacts.command("clean")
@click.option("--root", type=click.Path(path_type=Path), required=True)
@click.option("--store", type=click.Path(path_type=Path), required=True)
@click.option("--most-mib", type=click.IntRange(1), required=True, help="Size they may have.")
def clean_command(root: Path, store: Path, most_mib: int) -> None:
    """Remove what was used longest ago; what is in use is told on standard input."""
    succeed(clean(root, store, most_mib << 20, names_in_use("artifacts")))
