"""``lockgate why``: how a package came to be published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from master.commands.errors import errors_told
from master.commands.site_file import read_site, site_option
from workers.provenance.audit import chain_of, published
from workers.provenance.findings import Findings
from workers.provenance.readers import reader_of
from workers.provenance.story import story

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.repository.package import Published


@click.command()
@click.argument("package")
@click.option("--repository", help="A folder or an address; without it, those of the site file.")
@site_option
@click.option("--version", help="Another than the newest.")
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The public keys that you trust; without it nothing is verified.",
)
@click.option("--codename", help="The distribution, of an APT repository's address.")
def why(
    package: str,
    repository: str | None,
    site_file: Path,
    version: str | None,
    key: Path | None,
    codename: str | None,
) -> None:
    """Tell how PACKAGE came to be published: proposed, approved, built, tested."""
    known: set[str] = set()
    for where in [repository] if repository else _repositories(site_file):
        with errors_told():
            reader = reader_of(where)
            findings = Findings(reader, key)
            kept = published(findings, chain_of(reader, codename))
        named = [each for listed in kept.values() for each in listed if each.name == package]
        wanted = [each for each in named if version in (None, each.version)]
        if wanted:
            _tell(findings, wanted)
            return
        known |= {each.version for each in named}
    asked = f"{package} {version}" if version else package
    there = f"; there is {', '.join(sorted(known))}" if known else ""
    raise click.ClickException(f"nobody has published {asked}{there}")


def _repositories(site_file: Path) -> list[str]:
    """The folders of a site's release repositories that exist here."""
    site = read_site(site_file)
    top = site.repositories.root / "release"
    folders = [top / release / kind for release in site.releases for kind in ("deb", "rpm")]
    found = [str(folder) for folder in folders if (folder / "generations").is_dir()]
    if not found:
        raise click.ClickException(f"nothing is published below {top}; tell --repository")
    return found


def _tell(findings: Findings, wanted: Sequence[Published]) -> None:
    # Binary packages before the files of their source, the published generation before older ones.
    chosen = min(wanted, key=lambda each: each.architecture == "source")
    with errors_told():
        statement = findings.statement(chosen.file)
    if statement is None or findings.found:
        raise click.ClickException("; ".join(f"{f.path}: {f.text}" for f in findings.found))
    for line in story(chosen, statement):
        click.echo(line)
    key = findings.key
    click.echo(f"  signed     by a key in {key}" if key else "  signed     not verified: no --key")
