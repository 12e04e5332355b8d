"""``lockgate-worker test install``: the install test in disposable roots."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast

import click

from workers.clients.repository import Rank, given, read_base
from workers.install_test.deb import Apt
from workers.install_test.rpm import Dnf
from workers.install_test.sandbox_machine import SandboxMachine
from workers.install_test.test import Asked, InstallTest, Package
from workers.names import package_name, version
from workers.outcome import BadRequest, succeed
from workers.roots import used_root
from workers.sandbox import Limits

if TYPE_CHECKING:
    from workers.clients.repository import Format
    from workers.install_test.client import PackageClient

_DEFAULT = Limits()
_POSITIVE = click.IntRange(min=1)


@click.group()
def test() -> None:
    """Tests of built packages."""


@test.command("install")
@click.option("--format", "package_format", type=click.Choice(["deb", "rpm"]), required=True)
@click.option("--served", required=True, help="Address that repositories' paths are below.")
@click.option("--repository", required=True, help="JSON about the test repository.")
@click.option("--ahead", multiple=True, help="JSON about one of a change ahead; repeatable.")
@click.option("--other", multiple=True, help="JSON about an ordinary one; repeatable.")
@click.option("--base", multiple=True, help="RPM: JSON about a base repository; repeatable.")
@click.option("--packages", required=True, help="NAME=VERSION,... of the built packages.")
@click.option(
    "--roots", type=click.Path(file_okay=False, path_type=Path), required=True, help="Image cache."
)
@click.option(
    "--tests",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The source tree, for its debian/tests and the smoke script.",
)
@click.option(
    "--smoke", type=click.Path(path_type=Path), help="Script below --tests, run once installed."
)
@click.option("--timeout", default=_DEFAULT.seconds, type=click.FloatRange(min=1), help="Seconds.")
@click.option("--memory", default=_DEFAULT.memory, type=_POSITIVE, help="Bytes.")
@click.option("--disk", default=_DEFAULT.disk, type=_POSITIVE, help="Bytes.")
@click.option("--processes", default=_DEFAULT.processes, type=_POSITIVE)
@click.option("--log-limit", default=_DEFAULT.log, type=_POSITIVE, help="Bytes.")
def install(
    package_format: str,
    served: str,
    repository: str,
    ahead: tuple[str, ...],
    other: tuple[str, ...],
    base: tuple[str, ...],
    packages: str,
    roots: Path,
    tests: Path | None,
    smoke: Path | None,
    timeout: float,
    memory: int,
    disk: int,
    processes: int,
    log_limit: int,
) -> None:
    """Install each package by itself, run its smoke tests, remove it, compare."""
    ranked = [
        (repository, Rank.TESTED),
        *((one, Rank.AHEAD) for one in ahead),
        *((one, Rank.RELEASE) for one in other),
    ]
    asked = Asked(
        packages=_packages(packages),
        repositories=given(served, cast("Format", package_format), ranked),
        smoke=None if smoke is None else _in_tree(smoke, tests),
        source=tests is not None,
    )
    bases = tuple(map(read_base, base))
    client: PackageClient = Apt() if package_format == "deb" else Dnf(bases)
    limits = Limits(
        seconds=timeout,
        memory=memory,
        processes=processes,
        disk=disk,
        file_size=disk,
        log=log_limit,
    )
    with used_root(client.root_kind, roots) as image:
        path = image.path
        answer = InstallTest(client, lambda: SandboxMachine(path, limits, tests), asked).run()
    succeed(answer)


def _packages(text: str) -> tuple[Package, ...]:
    found = []
    for part in text.split(","):
        name, separator, number = part.partition("=")
        if not separator:
            raise BadRequest(f"--packages is NAME=VERSION,..., not {text[:200]!a}")
        found.append(Package(package_name(name), version(number)))
    return tuple(found)


def _in_tree(smoke: Path, tests: Path | None) -> PurePosixPath:
    """Return the script's path in the tree, where only the machine follows it."""
    if tests is None or not smoke.is_relative_to(tests) or ".." in smoke.parts:
        raise BadRequest("--smoke is a file below the folder given by --tests")
    return PurePosixPath(smoke.relative_to(tests))
