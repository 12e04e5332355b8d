"""``lockgate-worker mirror``: bring external mirrors up to date."""

from __future__ import annotations

from pathlib import Path

import click

from workers.mirrors import sync as syncing
from workers.mirrors.served import Served
from workers.mirrors.target import read_target
from workers.outcome import succeed

_FILE = click.Path(path_type=Path)


@click.group()
def mirror() -> None:
    """External mirrors."""


@mirror.command()
@click.option("--repository", type=click.Path(path_type=Path), required=True)
@click.option(
    "--to", required=True, help="rsync://USER@HOST:PORT/MODULE/PATH or ssh://USER@HOST:PORT/PATH"
)
@click.option("--url", required=True, help="Where the mirror's clients read.")
@click.option("--password-file", type=_FILE, help="rsync: the user's password.")
@click.option("--identity-file", type=_FILE, help="ssh: the private key.")
@click.option("--known-hosts", type=_FILE, help="ssh: the mirror's host keys; no other is trusted.")
@click.option("--full", is_flag=True, help="Compare every byte of what the mirror has.")
@click.option("--report", type=_FILE, help="Folder for sync.json and sync.txt: what came and went.")
def sync(
    repository: Path,
    to: str,
    url: str,
    password_file: Path | None,
    identity_file: Path | None,
    known_hosts: Path | None,
    report: Path | None,
    *,
    full: bool,
) -> None:
    """Bring one mirror to what the repository has published, as one transaction."""
    target = read_target(to, password_file, identity_file, known_hosts)
    mirrored = syncing.Mirror(target, Served.at(url))
    succeed(syncing.sync(repository.resolve(), mirrored, full=full, report_to=report))
