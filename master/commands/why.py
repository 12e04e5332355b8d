"""``lockgate why``: how a package came to be published."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from master.commands.errors import errors_told
from master.commands.shown import shown
from master.commands.site_file import read_site, site_option
from workers.files import full_disk_told
from workers.provenance.choice import chain_of
from workers.provenance.findings import Findings
from workers.provenance.readers import reader_of
from workers.provenance.records import look_up
from workers.provenance.search import generations, newest
from workers.provenance.story import story
from workers.provenance.trust import NoTrust, trusting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workers.provenance.findings import Finding
    from workers.repository.formats import Format
    from workers.repository.package import Published


@click.command()
@click.argument("package")
@click.option("--repository", help="A folder or an address; without it, those of the site file.")
@site_option
@click.option("--version", help="Another than the newest that is published.")
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The public keys that you trust; without it nothing is verified.",
)
@click.option(
    "--format",
    "package_format",
    type=click.Choice(["deb", "rpm"]),
    help="Which repository, where there are both.",
)
@click.option("--codename", help="The distribution, of an APT repository's address.")
def why(
    package: str,
    repository: str | None,
    site_file: Path,
    version: str | None,
    key: Path | None,
    package_format: str | None,
    codename: str | None,
) -> None:
    """Tell how PACKAGE came to be published: proposed, approved, built, tested."""
    known: set[str] = set()
    wrong: list[Finding] = []
    trusted = nullcontext(NoTrust()) if key is None else trusting(key)
    with errors_told(), full_disk_told(Path(tempfile.gettempdir())), trusted as trust:
        for where in [repository] if repository else _repositories(site_file):
            findings = Findings(reader_of(where), trust)
            chain = chain_of(findings.reader, cast("Format | None", package_format), codename)
            for generation in generations(findings, chain):
                named = [each for each in generation.packages if each.name == package]
                wanted = [each for each in named if version in (None, each.version)]
                if wanted:
                    _tell(Findings(findings.reader, trust), newest(chain, wanted))
                    return
                known |= {each.version for each in named}
            wrong += findings.found
    asked = f"{package} {version}" if version else package
    there = f"; there is {', '.join(sorted(known))}" if known else ""
    raise click.ClickException(
        "; ".join([shown(f"nobody has published {asked}{there}"), *_told(wrong)])
    )


def _repositories(site_file: Path) -> list[str]:
    """The folders of a site's release repositories that exist here."""
    site = read_site(site_file)
    top = site.repositories.root / "release"
    folders = [top / release / kind for release in site.releases for kind in ("deb", "rpm")]
    found = [str(folder) for folder in folders if (folder / "generations").is_dir()]
    if not found:
        raise click.ClickException(f"nothing is published below {top}; tell --repository")
    return found


def _tell(findings: Findings, chosen: Published) -> None:
    statement = look_up(findings, chosen.file, {"sha256": chosen.sha256})
    if statement is None:
        raise click.ClickException("; ".join(_told(findings.found)))
    for line in story(chosen, statement):
        click.echo(shown(line))
    key = findings.trust.key
    click.echo(f"  signed     by a key in {key}" if key else "  signed     not verified: no --key")


def _told(found: Iterable[Finding]) -> list[str]:
    return [shown(f"{each.path}: {each.text}") for each in found]
