"""``lockgate-worker sign``: runs as the signer's user, where the keys are, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from workers.files import sha256
from workers.outcome import BadRequest, succeed
from workers.signing.gnupg import Home, Key
from workers.signing.log import record
from workers.signing.metadata import sign_metadata
from workers.signing.rpms import sign_rpms

_home = click.option("--home", type=click.Path(path_type=Path), required=True)
_key = click.option("--key", required=True, help="Fingerprint of the key to sign with.")
_keys = click.option(
    "--key", "fingerprints", multiple=True, required=True, help="Of a key; repeatable."
)
_build = click.option("--build", required=True, help="The build this is signed for.")
_requester = click.option("--requester", required=True, help="Who asked for it.")


@click.group()
def sign() -> None:
    """Sign what is published."""


@sign.command()
@_home
@_keys
@click.option("--repository", required=True, help="Whose generation it is, as RELEASE/FORMAT.")
@click.option("--staged", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@_build
@_requester
def metadata(
    home: Path,
    fingerprints: tuple[str, ...],
    repository: str,
    staged: Path,
    out: Path,
    build: str,
    requester: str,
) -> None:
    """Sign the text of a staged generation, Release or repomd.xml, with all keys."""
    opened = Home.of(home, make=False)
    keys = [opened.key(fingerprint) for fingerprint in fingerprints]
    why = {"build": build, "requester": requester, "repository": repository}
    made = sign_metadata(opened, keys, staged, out, why)
    succeed({"files": made, "warnings": _warnings(keys)})


@sign.command()
@_home
@_key
@click.option("--in", "source", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@_build
@_requester
def rpm(home: Path, key: str, source: Path, out: Path, build: str, requester: str) -> None:
    """Sign each RPM package of a folder into another folder."""
    opened = Home.of(home, make=False)
    signer = opened.key(key)
    for package in sorted(source.glob("*.rpm")):
        record(
            opened.path,
            what=package.name,
            sha256=sha256(package),
            key=signer.fingerprint,
            build=build,
            requester=requester,
        )
    signed = sign_rpms(opened, signer, source, out)
    succeed({"packages": signed, "key": signer.fingerprint, "warnings": _warnings([signer])})


@sign.group("keys")
def keys_group() -> None:
    """Keys of a signer."""


@keys_group.command()
@_home
@click.option("--kind", type=click.Choice(["rpm", "deb"]), required=True)
@click.option("--name", required=True)
@click.option("--email", required=True)
@click.option(
    "--expires", default="never", show_default=True, help="As gpg takes it: 2y, 2030-01-31."
)
def make(home: Path, kind: str, name: str, email: str, expires: str) -> None:
    """Make a key without a passphrase; what protects it is the home's owner and mode."""
    if any(not text.isprintable() or set(text) & set("<>") for text in (name, email)):
        raise BadRequest("--name and --email are printable, without < and >")
    made = Home.of(home).make_key(kind, f"{name} <{email}>", expires)
    succeed({"fingerprint": made.fingerprint})


@keys_group.command()
@_home
@_keys
def export(home: Path, fingerprints: tuple[str, ...]) -> None:
    """Show public keys, for the clients: all that a repository is signed with, in one file."""
    opened = Home.of(home, make=False)
    keys = [opened.key(fingerprint) for fingerprint in fingerprints]
    succeed({"public_key": opened.public_keys(keys).decode(), "warnings": _warnings(keys)})


def _warnings(keys: list[Key]) -> list[str]:
    return [warning for key in keys for warning in key.warnings(datetime.now(UTC))]
