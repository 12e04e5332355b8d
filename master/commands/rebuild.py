"""``lockgate rebuild``: whether a published package comes out again of what it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from master.commands.site_file import read_site, site_option
from master.commands.web import Web, timeout_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("package")
@click.option("--release", help="Needed where the package is in several.")
@site_option
@timeout_option
def rebuild(package: str, release: str | None, site_file: Path, timeout: float) -> None:
    """Build PACKAGE again from the commits and trees of its newest publish, and compare."""
    from master.configurator.schedulers import force_name  # noqa: PLC0415 - takes long to import

    site = read_site(site_file)
    declared = site.packages.get(package)
    if declared is None:
        raise click.ClickException(f"{site_file}: there is no [packages.{package}]")
    releases = declared.releases if release is None else (release,)
    if len(releases) != 1 or releases[0] not in declared.releases:
        raise click.ClickException(f"--release is one of {', '.join(declared.releases)}")
    web = Web(site)
    request = web.force(force_name(f"rebuild/{releases[0]}/{package}"))
    click.echo(f"started: {web.address(request)}")
    build = web.wait(request, timeout)
    same, text = verdict({name: value for name, (value, _) in build["properties"].items()})
    click.echo(text)
    if not same:
        raise click.exceptions.Exit(1)


def verdict(properties: dict[str, Any]) -> tuple[bool, str]:
    """Whether the packages are the same, and that in words, out of the build's properties."""
    comparison, failure = properties.get("comparison"), properties.get("failure")
    if comparison is not None:
        changed = comparison["changed_inputs"]
        though = f" (although its {' and '.join(changed)} changed)" if changed else ""
        return True, f"the same, byte for byte{though}:\n  " + "\n  ".join(comparison["same"])
    if failure is None:
        return False, "the build ended without a comparison; its logs may tell why"
    return False, f"{failure['reason']}\n{failure['detail']}"
