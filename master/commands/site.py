"""``lockgate check`` and ``lockgate show``: a site file, judged and spelled out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from master.commands.site_file import read_site, site_argument

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@site_argument
def check(site_file: Path) -> None:
    """Check a site file; every problem is shown with its line and key."""
    site = read_site(site_file)
    click.echo(
        f"{site_file}: good: {len(site.packages)} packages, {len(site.releases)} releases, "
        f"{len(site.workers)} workers"
    )


@click.command()
@site_argument
def show(site_file: Path) -> None:
    """Print the builders, schedulers and workers a site file produces."""
    # Buildbot takes long to import; the other commands need not wait for it.
    from master.configurator.outline import outline  # noqa: PLC0415

    for line in outline(read_site(site_file)):
        click.echo(line)
