"""``lockgate generations`` and ``lockgate rollback``: what was published, and going back to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import requests

from master.commands.web import Web
from master.site import SiteFileError, load_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from master.site import Site
    from master.site.model import Format

_SECONDS = 30


def _repository(command: Callable[..., Any]) -> Callable[..., Any]:
    """Arguments that name one release repository."""
    command = click.option(
        "--site",
        "site_file",
        type=click.Path(dir_okay=False, path_type=Path),
        default=Path("site.toml"),
        show_default=True,
    )(command)
    command = click.argument("package_format", type=click.Choice(["deb", "rpm"]))(command)
    return click.argument("release")(command)


@click.command()
@_repository
def generations(release: str, package_format: Format, site_file: Path) -> None:
    """List the generations of a release repository that can be gone back to, newest first."""
    site = _site(site_file, release)
    for line in lines(_kept(site, release, package_format)):
        click.echo(line)


@click.command()
@_repository
@click.argument("stamp")
def rollback(release: str, package_format: Format, site_file: Path, stamp: str) -> None:
    """Publish again what generation STAMP listed, and bring the mirrors to it."""
    from master.configurator.schedulers import force_name  # noqa: PLC0415 - takes long to import

    site = _site(site_file, release)
    known = [kept["generation"] for kept in _kept(site, release, package_format)]
    if stamp not in known:
        raise click.ClickException(f"{stamp} is not kept; see lockgate generations")
    builder = f"rollback/{release}/{package_format}"
    web = Web(site)
    click.echo(f"started: {web.address(web.force(force_name(builder), stamp=stamp))}")


def lines(kept: list[dict[str, Any]]) -> list[str]:
    """Generations in words, one a line."""
    return [
        f"{each['generation']}  {each['reason']}: {each['files_added']} files added, "
        f"{each['files_removed']} removed"
        for each in kept
    ]


def _site(site_file: Path, release: str) -> Site:
    try:
        site = load_site(site_file)
    except SiteFileError as error:
        raise click.ClickException(str(error)) from error
    if release not in site.releases:
        raise click.ClickException(f"{site_file}: there is no [releases.{release}]")
    return site


def _kept(site: Site, release: str, package_format: Format) -> list[dict[str, Any]]:
    url = f"{site.repositories.url}/release/{release}/{package_format}/generations/index.json"
    try:
        answer = requests.get(url, timeout=_SECONDS)
        if answer.status_code == requests.codes.not_found:
            return []
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
    except requests.RequestException as error:
        raise click.ClickException(f"{url} cannot be read: {error}") from error
    return found
