"""The site file: one TOML file that declares everything a Lockgate installation serves."""

from master.site.load import SiteFileError, load_site
from master.site.model import Site

__all__ = ["Site", "SiteFileError", "load_site"]
