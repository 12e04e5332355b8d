"""``lockgate check`` and ``lockgate show``: a site file, judged and spelled out."""

from __future__ import annotations

from pathlib import Path

import click

from master.site import Site, SiteFileError, load_site

_SITE_FILE = click.argument(
    "site_file", type=click.Path(dir_okay=False, path_type=Path), default=Path("site.toml")
)


@click.command()
@_SITE_FILE
def check(site_file: Path) -> None:
    """Check a site file; every problem is shown with its line and key."""
    site = _load(site_file)
    click.echo(
        f"{site_file}: good: {len(site.packages)} packages, {len(site.releases)} releases, "
        f"{len(site.workers)} workers"
    )


@click.command()
@_SITE_FILE
def show(site_file: Path) -> None:
    """Print the builders, schedulers and workers a site file produces."""
    # Buildbot takes long to import; the other commands need not wait for it.
    from master.configurator.outline import outline  # noqa: PLC0415

    for line in outline(_load(site_file)):
        click.echo(line)


def _load(site_file: Path) -> Site:
    try:
        return load_site(site_file)
    except SiteFileError as error:
        raise click.ClickException(str(error)) from error
