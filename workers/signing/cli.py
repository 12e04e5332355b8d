"""``lockgate-worker sign``: runs as the signer's user, where the keys are, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import click

from workers.outcome import BadRequest, succeed
from workers.repository.files import sha256, write
from workers.signing.gnupg import Home
from workers.signing.log import record
from workers.signing.rpms import sign_rpms

_home = click.option("--home", type=click.Path(path_type=Path), required=True)
_key = click.option("--key", required=True, help="Fingerprint of the key to sign with.")
_build = click.option("--build", required=True, help="The build this is signed for.")
_requester = click.option("--requester", required=True, help="Who asked for it.")


@click.group()
def sign() -> None:
    """Sign what is published."""


@sign.command()
@_home
@_key
@click.option("--file", "text", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@_build
@_requester
def release(home: Path, key: str, text: Path, out: Path, build: str, requester: str) -> None:
    """Sign an APT repository's Release text into an InRelease."""
    keys = Home.of(home, make=False)
    fingerprint = keys.fingerprint(key)
    try:
        content = text.read_bytes()
    except OSError as error:
        raise BadRequest(f"cannot read what is to be signed: {error}") from error
    record(
        keys.path,
        what="Release",
        sha256=sha256(text),
        key=fingerprint,
        build=build,
        requester=requester,
    )
    write(out, keys.clear_sign(fingerprint, content))
    succeed({"file": str(out), "key": fingerprint, "sha256": sha256(out)})


@sign.command()
@_home
@_key
@click.option("--in", "source", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@_build
@_requester
def rpm(home: Path, key: str, source: Path, out: Path, build: str, requester: str) -> None:
    """Sign each RPM package of a folder into another folder."""
    keys = Home.of(home, make=False)
    fingerprint = keys.fingerprint(key)
    for package in sorted(source.glob("*.rpm")):
        record(
            keys.path,
            what=package.name,
            sha256=sha256(package),
            key=fingerprint,
            build=build,
            requester=requester,
        )
    succeed({"packages": sign_rpms(keys, fingerprint, source, out), "key": fingerprint})


@sign.group("keys")
def keys_group() -> None:
    """Keys of a signer."""


@keys_group.command()
@_home
@click.option("--kind", type=click.Choice(["rpm", "deb"]), required=True)
@click.option("--name", required=True)
@click.option("--email", required=True)
def make(home: Path, kind: str, name: str, email: str) -> None:
    """Make a key without a passphrase; what protects it is the home's owner and mode."""
    succeed({"fingerprint": Home.of(home).make_key(kind, f"{name} <{email}>")})


@keys_group.command()
@_home
@_key
def export(home: Path, key: str) -> None:
    """Show a public key, for the clients."""
    keys = Home.of(home, make=False)
    fingerprint = keys.fingerprint(key)
    succeed({"fingerprint": fingerprint, "public_key": keys.public_key(fingerprint).decode()})
