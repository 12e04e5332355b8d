"""``lockgate-worker repository``: test repositories and release repositories."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from workers.names import identifier
from workers.outcome import succeed
from workers.repository.release import ReleaseRepository
from workers.repository.test import publish_test_repository

if TYPE_CHECKING:
    from workers.repository.release import Format

_format = click.option(
    "--format", "package_format", type=click.Choice(["deb", "rpm"]), required=True
)
_repository = click.option("--repository", "root", type=click.Path(path_type=Path), required=True)
_packages = click.option("--packages", type=click.Path(path_type=Path), required=True)
_codename = click.option(
    "--codename", required=True, help="Of the OS release; names the APT distribution."
)


@click.group()
def repository() -> None:
    """Publish packages."""


@repository.command("test")
@_format
@click.option("--id", "name", required=True, help="Name of the test repository.")
@click.option("--served", type=click.Path(path_type=Path), required=True)
@_packages
@_codename
@click.option("--home", type=click.Path(path_type=Path), required=True)
def test_command(
    package_format: str, name: str, served: Path, packages: Path, codename: str, home: Path
) -> None:
    """Make the test repository of a proposed change."""
    made = publish_test_repository(
        cast("Format", package_format), name, served, packages, identifier(codename), home
    )
    succeed(made)


@repository.command()
@_format
@_repository
@_packages
@_codename
def accepts(package_format: str, root: Path, packages: Path, codename: str) -> None:
    """Say whether the release repository would take these packages; nothing is changed."""
    found = _release(package_format, root, codename).accepts(packages)
    succeed({"packages": [package.words() for package in found]})


@repository.command()
@_format
@_repository
@_packages
@_codename
def stage(package_format: str, root: Path, packages: Path, codename: str) -> None:
    """Prepare the next generation of a release repository, invisible to clients."""
    succeed(_release(package_format, root, codename).stage(packages))


@repository.command()
@_format
@_repository
@_codename
@click.option("--stage", "name", required=True)
@click.option("--inrelease", type=click.Path(path_type=Path), help="APT: the signed Release.")
@click.option("--retention", type=float, required=True, help="Seconds replaced files stay.")
def commit(
    package_format: str,
    root: Path,
    codename: str,
    name: str,
    inrelease: Path | None,
    retention: float,
) -> None:
    """Make a staged generation the published one."""
    succeed(_release(package_format, root, codename).commit(name, inrelease, retention))


def _release(package_format: str, root: Path, codename: str) -> ReleaseRepository:
    return ReleaseRepository(root, cast("Format", package_format), identifier(codename))
