"""``lockgate audit`` and ``lockgate why``: what a repository says of itself, and if it holds."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from workers.outcome import ProgramError
from workers.provenance.audit import audit as verify
from workers.provenance.audit import chain_of, published
from workers.provenance.findings import Findings
from workers.provenance.readers import reader_of
from workers.provenance.story import story

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_KEY = click.Path(exists=True, dir_okay=False, path_type=Path)
_codename = click.option("--codename", help="The distribution, of an APT repository's address.")


@click.command()
@click.argument("repository")
@click.option("--key", type=_KEY, required=True, help="The public keys that you trust.")
@_codename
@click.option("--json", "as_json", is_flag=True, help="Print the findings for programs.")
def audit(repository: str, key: Path, codename: str | None, *, as_json: bool) -> None:
    """Verify REPOSITORY, a folder or an address, from the public key to every published byte.

    Ends with status 1 if something is not as it should be, with 75 if it cannot be read.
    """
    reader = _told(lambda: reader_of(repository))
    findings = Findings(reader, key)
    checked = _told(lambda: verify(findings, chain_of(reader, codename)))
    if as_json:
        told = {"files": checked, "records": findings.records}
        click.echo(json.dumps({**told, "findings": [asdict(each) for each in findings.found]}))
    else:
        for each in findings.found:
            click.echo(f"{each.problem}: {each.path}: {each.text}")
        count = len(findings.found)
        click.echo(f"{checked} files, {findings.records} records, {count} findings")
    if findings.found:
        sys.exit(1)


@click.command()
@click.argument("package")
@click.option("--repository", required=True, help="A folder or an address.")
@click.option("--version", help="Another than the newest.")
@click.option("--key", type=_KEY, help="The public keys that you trust; none: nothing is verified.")
@_codename
def why(
    package: str, repository: str, version: str | None, key: Path | None, codename: str | None
) -> None:
    """Tell how PACKAGE came to be published: proposed, approved, built, tested."""
    reader = _told(lambda: reader_of(repository))
    findings = Findings(reader, key)
    kept = _told(lambda: published(findings, chain_of(reader, codename)))
    named = [each for listed in kept.values() for each in listed if each.name == package]
    wanted = [each for each in named if version in (None, each.version)]
    if not wanted:
        known = ", ".join(sorted({each.version for each in named}))
        raise click.ClickException(
            f"there is no {package} {version or ''}".rstrip()
            + (f"; there is {known}" if known else "")
        )
    # Binary packages before the files of their source, the published generation before older ones.
    chosen = min(wanted, key=lambda each: each.architecture == "source")
    statement = _told(lambda: findings.statement(chosen.file))
    if statement is None or findings.found:
        raise click.ClickException("; ".join(f"{f.path}: {f.text}" for f in findings.found))
    for line in story(chosen, statement):
        click.echo(line)
    click.echo(f"  signed     by a key in {key}" if key else "  signed     not verified: no --key")


def _told(act: Callable[[], T]) -> T:
    try:
        return act()
    except ProgramError as error:
        click.echo(f"Error: {error.reason}", err=True)
        sys.exit(error.status)
