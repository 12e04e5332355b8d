"""``lockgate audit``: whether all of a repository is what was published."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from master.commands.errors import errors_told
from workers.provenance.audit import audit as verify
from workers.provenance.audit import chain_of
from workers.provenance.findings import Findings
from workers.provenance.readers import reader_of


@click.command()
@click.argument("repository")
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The public keys that you trust.",
)
@click.option("--codename", help="The distribution, of an APT repository's address.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings for programs.")
def audit(repository: str, key: Path, codename: str | None, *, as_json: bool) -> None:
    """Verify REPOSITORY, a folder or an address, from the public key to every published byte.

    Ends with status 1 if something is not as it should be, with 75 if it cannot be read.
    """
    with errors_told():
        reader = reader_of(repository)
        findings = Findings(reader, key)
        checked = verify(findings, chain_of(reader, codename))
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
