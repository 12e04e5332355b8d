"""``lockgate generations`` and ``lockgate rollback``: what was published, and going back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import requests

from master.commands.site_file import read_site, site_option
from master.commands.web import Web, timeout_option
from schedulers.failure_text import failure_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from master.site import Site
    from master.site.model import Format

_SECONDS = 30
_GOOD = (0, 1)  # Buildbot's results SUCCESS and WARNINGS


def _repository(command: Callable[..., Any]) -> Callable[..., Any]:
    """Arguments that name one release repository."""
    command = site_option(command)
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
@timeout_option
def rollback(
    release: str, package_format: Format, site_file: Path, stamp: str, timeout: float
) -> None:
    """Publish again what generation STAMP listed, and bring the mirrors to it.

    Ends with status 0 when all mirrors serve it, with 1 when something failed.
    """
    from master.configurator.schedulers import force_name  # noqa: PLC0415 - takes long to import

    site = _site(site_file, release)
    known = [kept["generation"] for kept in _kept(site, release, package_format)]
    if stamp not in known:
        raise click.ClickException(f"{stamp} is not kept; see lockgate generations")
    web = Web(site)
    request = web.force(force_name(f"rollback/{release}/{package_format}"), stamp=stamp)
    click.echo(f"started: {web.address(request)}")
    build = web.wait(request, timeout)
    click.echo(outcome(build, stamp, site.releases[release].mirrors))
    if build["results"] not in _GOOD:
        raise click.exceptions.Exit(1)


def outcome(build: Mapping[str, Any], stamp: str, mirrors: Sequence[str]) -> str:
    """How going back to a generation ended, in words, out of the ended build."""
    properties = {name: value for name, (value, _) in build["properties"].items()}
    made = properties.get("generation")
    if made is None:
        told = [f"nothing is published: {stamp} was not gone back to"]
    else:
        told = [f"published generation {made['generation']}, which lists what {stamp} listed"]
    if build["results"] in _GOOD:
        told += [f"mirror {mirror} serves it" for mirror in mirrors]
    else:
        told += ["FAILED", *failure_texts(properties.get("failures", ()))]
    return "\n".join(told)


def lines(kept: list[dict[str, Any]]) -> list[str]:
    """Generations in words, one a line."""
    return [
        f"{each['generation']}  {each['reason']}: {each['files_added']} files added, "
        f"{each['files_removed']} removed"
        for each in kept
    ]


def _site(site_file: Path, release: str) -> Site:
    site = read_site(site_file)
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
