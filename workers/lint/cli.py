"""``lockgate-worker lint``: judge built packages by the distribution's own linters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.lint.check import lint as check
from workers.lint.judgement import read_overrides
from workers.lint.linters import LINTERS
from workers.lint.tags import Severity
from workers.outcome import BadRequest, ChangeFault, succeed

if TYPE_CHECKING:
    from collections.abc import Callable

_FAILING = [Severity.ERROR.value, Severity.WARNING.value]


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option(
            *("--fail-on", "fail_on"),
            type=click.Choice(_FAILING),
            default=Severity.ERROR.value,
            show_default=True,
            help="The least severity that forbids a change.",
        ),
        click.option(
            "--overrides",
            type=click.Path(path_type=Path),
            help="File of the project with lines '[PACKAGE: ]TAG[ TEXT]' that are accepted.",
        ),
        click.option(
            "--packages",
            type=click.Path(path_type=Path),
            required=True,
            help="Folder with the packages and what belongs to them.",
        ),
    ):
        command = option(command)
    return command


@click.group()
def lint() -> None:
    """Lint of built packages."""


@lint.command("deb")
@_options
def lint_deb(packages: Path, overrides: Path | None, fail_on: str) -> None:
    """Run lintian on DEB packages and their sources."""
    _lint("deb", packages, overrides, fail_on)


@lint.command("rpm")
@_options
def lint_rpm(packages: Path, overrides: Path | None, fail_on: str) -> None:
    """Run rpmlint on RPM packages and their sources."""
    _lint("rpm", packages, overrides, fail_on)


def _lint(package_format: str, packages: Path, overrides: Path | None, fail_on: str) -> None:
    text = "" if overrides is None else _read(overrides)
    succeed(check(LINTERS[package_format], packages, read_overrides(text), Severity(fail_on)))


def _read(overrides: Path) -> str:
    if overrides.is_symlink():
        raise ChangeFault(f"{overrides} is a link; lint overrides are a file of the project itself")
    try:
        return overrides.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ChangeFault(f"{overrides} is not UTF-8 text") from error
    except OSError as error:
        raise BadRequest(f"cannot read the lint overrides {overrides}: {error}") from error
