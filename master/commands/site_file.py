"""The site file that a command is about: how it is named, and read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from master.site import SiteFileError, load_site

if TYPE_CHECKING:
    from master.site import Site

_FILE = click.Path(dir_okay=False, path_type=Path)
_DEFAULT = Path("site.toml")

site_argument = click.argument("site_file", type=_FILE, default=_DEFAULT)
site_option = click.option("--site", "site_file", type=_FILE, default=_DEFAULT, show_default=True)


def read_site(site_file: Path) -> Site:
    """The site; if the file cannot be used the command ends with all of its problems."""
    try:
        return load_site(site_file)
    except SiteFileError as error:
        raise click.ClickException(str(error)) from error
