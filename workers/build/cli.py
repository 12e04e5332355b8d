"""``lockgate-worker build``: build DEB and RPM packages in disposable roots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.build.request import BuildRequest
from workers.clients.repository import Rank, given, read_base, read_description
from workers.outcome import BadRequest, succeed
from workers.sandbox import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.clients.repository import Format

_DEFAULT = Limits()
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    options = (
        click.option("--source", required=True, type=_FOLDER, help="The unpacked source tree."),
        click.option(
            "--out",
            required=True,
            type=click.Path(file_okay=False, resolve_path=True, path_type=Path),
            help="An empty folder for the results and build.log.",
        ),
        click.option(
            "--roots",
            required=True,
            type=click.Path(file_okay=False, path_type=Path),
            help="Folder of this user's root images.",
        ),
        click.option("--store", help="URL of the store of builds made before."),
        click.option("--served", help="Address that repositories' paths are below."),
        click.option(
            "--repository",
            multiple=True,
            help="JSON about one with build dependencies; repeatable.",
        ),
        click.option(
            "--ahead", multiple=True, help="JSON about one of a change ahead; repeatable."
        ),
        click.option(
            "--timeout",
            default=_DEFAULT.seconds,
            show_default=True,
            type=click.FloatRange(min=1),
            help="Seconds for the whole build.",
        ),
        _size("--memory", _DEFAULT.memory, "Memory of all processes together, in bytes."),
        _size("--processes", _DEFAULT.processes, "Processes and threads."),
        _size("--disk", _DEFAULT.disk, "Space for the build, in bytes."),
        _size("--log-limit", _DEFAULT.log, "Output, in bytes."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _size(name: str, default: int, text: str) -> Callable[[Callable[..., Any]], Any]:
    return click.option(
        name, default=default, show_default=True, type=click.IntRange(min=1), help=text
    )


@click.group()
def build() -> None:
    """Build packages in disposable roots, as an ordinary user and without network."""


@build.command()
@_common
def deb(**options: Any) -> None:
    """Build a DEB package from a tree with debian/ in it."""
    from workers.build.deb import build_deb  # noqa: PLC0415 - takes long to import

    succeed(build_deb(_request("deb", **options)))


@build.command()
@_common
@click.option("--packaging", required=True, type=_FOLDER, help="Tree with the spec and patches.")
@click.option("--spec", required=True, help="The spec's file name in the packaging tree.")
@click.option("--dist", required=True, help="Appended to the release, such as '.lg7'.")
@click.option("--base", multiple=True, help="JSON about one of the base distribution; repeatable.")
@click.option("--mock", help="Build by mock(1), with this one of its configurations.")
def rpm(
    packaging: Path, spec: str, dist: str, base: tuple[str, ...], mock: str | None, **options: Any
) -> None:
    """Build an RPM package from a source tree and a spec."""
    from workers.build.rpm import RpmRequest, build_rpm  # noqa: PLC0415 - takes long to import

    what = RpmRequest(packaging, spec, dist, tuple(map(read_base, base)), mock)
    succeed(build_rpm(_request("rpm", **options), what))


@build.command("compare")
@click.option("--format", "package_format", type=click.Choice(["deb", "rpm"]), required=True)
@click.option("--first", type=_FOLDER, required=True, help="Results of a build.")
@click.option("--again", type=_FOLDER, required=True, help="Results of building it again.")
@click.option("--inputs-of-first", default="{}", help="JSON, as the build answered.")
@click.option("--inputs-of-again", default="{}", help="JSON, as the build answered.")
def compare_command(
    package_format: Format, first: Path, again: Path, inputs_of_first: str, inputs_of_again: str
) -> None:
    """Say whether two builds made the same packages."""
    from workers.build.compare import changed_inputs, compare  # noqa: PLC0415 - takes long to import

    inputs = _inputs(inputs_of_first), _inputs(inputs_of_again)
    succeed(compare(package_format, first, again, changed_inputs(*inputs), _DEFAULT))


def _inputs(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise BadRequest(f"inputs of a build are a JSON object: {error}") from error
    if not isinstance(found, dict):
        raise BadRequest("inputs of a build are a JSON object")
    return found


def _request(
    package_format: Format,
    *,
    source: Path,
    out: Path,
    roots: Path,
    store: str | None,
    served: str | None,
    repository: tuple[str, ...],
    ahead: tuple[str, ...],
    timeout: float,
    memory: int,
    processes: int,
    disk: int,
    log_limit: int,
) -> BuildRequest:
    ranked = [(one, Rank.AHEAD) for one in ahead] + [(one, Rank.RELEASE) for one in repository]
    if ranked and served is None:
        raise BadRequest("--repository and --ahead need --served, the address they are below")
    repositories = given(served, package_format, ranked) if served is not None else ()
    limits = Limits(
        seconds=timeout,
        memory=memory,
        processes=processes,
        disk=disk,
        file_size=disk,
        log=log_limit,
    )
    codename = read_description(repository[0]).codename if repository else None
    return BuildRequest(source, out, roots, limits, repositories, codename, store)
