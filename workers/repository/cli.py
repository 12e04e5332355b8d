"""``lockgate-worker repository``: test repositories and release repositories."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from workers.in_use import names_in_use
from workers.names import identifier
from workers.outcome import succeed
from workers.provenance.record import read_record
from workers.repository.release import ReleaseRepository

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.repository.formats import Format

_format = click.option(
    "--format", "package_format", type=click.Choice(["deb", "rpm"]), required=True
)
_repository = click.option("--repository", "root", type=click.Path(path_type=Path), required=True)
_packages = click.option("--packages", type=click.Path(path_type=Path), required=True)
_codename = click.option(
    "--codename", required=True, help="Of the OS release; names the APT distribution."
)

_origin = click.option("--origin", help="APT: what clients know the repository by.")


def _metadata(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--valid-days", type=click.IntRange(1), help="APT: Valid-Until.")(
        command
    )
    return click.option(
        "--compression",
        type=click.Choice(["gz", "zst"]),
        default="gz",
        show_default=True,
        help="RPM: of the metadata; old clients know gz only.",
    )(command)


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
    from workers.repository.test import publish_test_repository  # noqa: PLC0415 - loads both formats

    made = publish_test_repository(
        cast("Format", package_format), name, served, packages, identifier(codename), home
    )
    succeed(made)


@repository.command("clean-tests")
@click.option("--served", type=click.Path(path_type=Path), required=True)
@click.option("--days", type=click.FloatRange(0), required=True, help="Older ones are removed.")
def clean_tests(served: Path, days: float) -> None:
    """Remove old test repositories; those in use are told on standard input."""
    from workers.repository.clean import clean_test_repositories  # noqa: PLC0415 - as above

    succeed(clean_test_repositories(served, days, names_in_use("test_repositories")))


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
@_origin
@_metadata
@click.option("--keep", type=click.IntRange(1), default=2, show_default=True, help="Versions.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    help="RPM: fingerprint of a key that packages may be signed by; repeatable.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    required=True,
    help="JSON file: where the packages come from.",
)
def stage(
    package_format: str,
    root: Path,
    packages: Path,
    codename: str,
    keep: int,
    keys: tuple[str, ...],
    record: Path,
    **options: Any,
) -> None:
    """Prepare the next generation of a release repository, invisible to clients."""
    release = _release(package_format, root, codename, **options)
    succeed(release.stage(packages, keep, read_record(record), keys))


@repository.command()
@_format
@_repository
@_codename
@_origin
@_metadata
def refresh(package_format: str, root: Path, codename: str, **options: Any) -> None:
    """Prepare a generation that differs from the last in nothing but its date."""
    succeed(_release(package_format, root, codename, **options).stage_refresh())


@repository.command()
@_format
@_repository
@_codename
@_origin
@_metadata
@click.option("--to", "stamp", required=True, help="The generation to go back to.")
def rollback(package_format: str, root: Path, codename: str, stamp: str, **options: Any) -> None:
    """Prepare a generation that lists what an older one listed."""
    succeed(_release(package_format, root, codename, **options).stage_rollback(stamp))


@repository.command()
@_format
@_repository
@_codename
@click.option("--stage", "name", required=True)
@click.option(
    "--signed",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder with the signatures of what is staged.",
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    required=True,
    help="Fingerprint of a key that may come with the signatures; repeatable.",
)
@click.option("--retention", type=float, required=True, help="Seconds a replaced one stays.")
@click.option(
    "--generations",
    "number",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many stay, however old.",
)
def commit(
    package_format: str,
    root: Path,
    codename: str,
    name: str,
    signed: Path,
    keys: tuple[str, ...],
    retention: float,
    number: int,
) -> None:
    """Make a staged generation the published one."""
    release = _release(package_format, root, codename)
    succeed(release.commit(name, signed, keys=keys, generations=number, seconds=retention))


@repository.command()
@_format
@_repository
@_codename
def generations(package_format: str, root: Path, codename: str) -> None:
    """List the generations that can be gone back to, the published one first."""
    succeed({"generations": _release(package_format, root, codename).generations()})


def _release(
    package_format: str,
    root: Path,
    codename: str,
    *,
    origin: str | None = None,
    valid_days: int | None = None,
    compression: str = "gz",
) -> ReleaseRepository:
    # What reads one format's packages takes long to import, and the other is not asked for.
    if package_format == "rpm":
        from workers.repository.rpm import RpmFormat  # noqa: PLC0415

        return ReleaseRepository(root, RpmFormat(cast("Literal['gz', 'zst']", compression)))
    from workers.repository.apt import AptFormat  # noqa: PLC0415

    name = identifier(codename)
    return ReleaseRepository(root, AptFormat(name, origin or f"Lockgate {name}", valid_days))
