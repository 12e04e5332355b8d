"""``lockgate-worker lint``: judge built packages by the distribution's own linters."""

from __future__ import annotations

from pathlib import Path

import click

from workers.build.tree import read_text
from workers.lint.check import lint as check
from workers.lint.judgement import read_overrides
from workers.lint.linters import LINTERS
from workers.outcome import succeed

OVERRIDES = "lint-overrides"

_packages = click.option(
    "--packages",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder with the packages and what belongs to them.",
)


@click.group()
def lint() -> None:
    """Lint of built packages."""


@lint.command("deb")
@_packages
def lint_deb(packages: Path) -> None:
    """Run lintian on DEB packages and their sources, which bring their own overrides."""
    succeed(check(LINTERS["deb"], packages))


@lint.command("rpm")
@_packages
@click.option(
    "--packaging",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help=f"Tree with the spec, and perhaps a file {OVERRIDES}.",
)
def lint_rpm(packages: Path, packaging: Path) -> None:
    """Run rpmlint on RPM packages and their sources.

    Remarks that the packaging's lint-overrides name by lines '[PACKAGE: ]TAG[ TEXT]' are accepted.
    """
    listed = packaging / OVERRIDES
    text = read_text(packaging, OVERRIDES) if listed.exists() or listed.is_symlink() else ""
    succeed(check(LINTERS["rpm"], packages, read_overrides(text)))
