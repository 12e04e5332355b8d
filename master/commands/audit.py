"""``lockgate audit``: whether all of a repository is what was published."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from master.commands.errors import errors_told
from master.commands.shown import shown
from workers.files import full_disk_told
from workers.provenance.audit import audit as verify
from workers.provenance.choice import chain_of
from workers.provenance.readers import reader_of
from workers.provenance.trust import trusting
from workers.repository.generations import moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.provenance.audit import Report
    from workers.repository.formats import Format


@click.command()
@click.argument("repository")
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The public keys that you trust.",
)
@click.option(
    "--format",
    "package_format",
    type=click.Choice(["deb", "rpm"]),
    help="Which repository, where there are both.",
)
@click.option("--codename", help="The distribution, of an APT repository's address.")
@click.option("--release", help="The release whose repository it should be.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings for programs.")
def audit(
    repository: str,
    key: Path,
    package_format: str | None,
    codename: str | None,
    release: str | None,
    *,
    as_json: bool,
) -> None:
    """Verify REPOSITORY, a folder or an address, from the public key to every published byte.

    Ends with status 1 if something is not as it should be, with 75 if it cannot be read.
    """
    now = datetime.now(UTC)
    with errors_told(), full_disk_told(Path(tempfile.gettempdir())), trusting(key) as trust:
        reader = reader_of(repository)
        chain = chain_of(reader, cast("Format | None", package_format), codename)
        report = verify(reader, trust, chain, now, release=release)
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        for line in _lines(report, now):
            click.echo(shown(line))
    if report.findings:
        sys.exit(1)


def _lines(report: Report, now: datetime) -> Iterator[str]:
    for finding in report.findings:
        yield f"{finding.problem}: {finding.path}: {finding.text}"
    for path in report.staged:
        yield f"staged, not published: {path}"
    if report.generation is not None:
        age = str(now - moment(report.generation)).partition(".")[0]
        yield f"generation {report.generation} of {report.release or 'no release'}, {age} old"
    yield (
        f"{report.files} files, {report.records} records, {report.past_gate} published past the "
        f"gate, {len(report.staged)} staged, {len(report.findings)} findings"
    )
