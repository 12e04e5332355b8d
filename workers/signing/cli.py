"""``lockgate-worker sign``: runs as the signer's user, where the keys are, and nowhere else."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from workers.names import identifier
from workers.outcome import BadRequest, succeed
from workers.provenance.record import read_record
from workers.signing.gnupg import Home, Key, Kind
from workers.signing.log import verify as verify_log
from workers.signing.metadata import sign_metadata

if TYPE_CHECKING:
    from collections.abc import Callable

_home = click.option("--home", type=click.Path(path_type=Path), required=True)
_key = click.option("--key", required=True, help="Fingerprint of the key to sign with.")
_keys = click.option(
    "--key", "fingerprints", multiple=True, required=True, help="Of a key; repeatable."
)
_trusted = click.option(
    "--trusted", multiple=True, help="Fingerprint of a key that signs no more; repeatable."
)
_repository = click.option("--repository", required=True, help="Whose it is: RELEASE/FORMAT.")


def _why(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--requester", required=True, help="Who asked for it.")(command)
    command = click.option("--build", required=True, help="The build this is signed for.")(command)
    return _repository(command)


def _record(*, required: bool) -> Any:
    return click.option(
        "--record",
        type=click.Path(path_type=Path),
        required=required,
        help="JSON file: where the packages come from that are published.",
    )


@click.group()
def sign() -> None:
    """Sign what is published."""


@sign.command()
@_home
@_keys
@_trusted
@click.option("--staged", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@_record(required=False)
@_why
def metadata(
    home: Path,
    fingerprints: tuple[str, ...],
    trusted: tuple[str, ...],
    staged: Path,
    out: Path,
    record: Path | None,
    **why: str,
) -> None:
    """Sign the text of a staged generation, Release or repomd.xml, with all keys."""
    opened = Home.of(home, make=False)
    keys = opened.keys(fingerprints, _kind_of(why["repository"]))
    made = None if record is None else read_record(record)
    public_keys = opened.public_keys([*fingerprints, *trusted])
    signed = sign_metadata(opened.path, keys, public_keys, staged, out, why, record=made)
    succeed({**asdict(signed), "warnings": _warnings(keys)})


@sign.command()
@_home
@_key
@click.option("--in", "source", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@_record(required=True)
@_why
def rpm(home: Path, key: str, source: Path, out: Path, record: Path, **why: str) -> None:
    """Sign each RPM package of a folder into another folder."""
    from workers.signing.rpms import sign_rpms  # noqa: PLC0415 - takes long to import

    opened = Home.of(home, make=False)
    (signer,) = opened.keys([key], _kind_of(why["repository"]))
    signed = sign_rpms(opened, signer, source, out, why, read_record(record))
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
    made = Home.of(home).make_key(cast("Kind", kind), f"{name} <{email}>", expires)
    succeed({"fingerprint": made.fingerprint})


@keys_group.command()
@_home
@_keys
def export(home: Path, fingerprints: tuple[str, ...]) -> None:
    """Show public keys, for the clients: all that a repository is signed with, in one file."""
    made = Home.of(home, make=False).public_keys(fingerprints)
    succeed({"public_key": made.decode()})


@keys_group.command()
@_home
@_repository
@_keys
@_trusted
def check(
    home: Path, repository: str, fingerprints: tuple[str, ...], trusted: tuple[str, ...]
) -> None:
    """See whether the keys of a repository can sign, and warn of those that soon cannot."""
    opened = Home.of(home, make=False)
    keys = opened.keys(fingerprints, _kind_of(repository))
    opened.public_keys([*fingerprints, *trusted])
    succeed({"keys": list(fingerprints), "warnings": _warnings(keys)})


@sign.group("log")
def log_group() -> None:
    """What was signed."""


@log_group.command()
@_home
@click.option("--holds", multiple=True, help="SHA-256 of a line that must be there; repeatable.")
def verify(home: Path, holds: tuple[str, ...]) -> None:
    """See whether the log is as it was written: each line follows from the one before it."""
    succeed(asdict(verify_log(Home.of(home, make=False).path, holds)))


def _kind_of(repository: str) -> Kind:
    release, _, kind = repository.partition("/")
    if kind not in ("deb", "rpm"):
        raise BadRequest(f"--repository is RELEASE/deb or RELEASE/rpm, not {repository[:200]!a}")
    identifier(release)
    return cast("Kind", kind)


def _warnings(keys: list[Key]) -> list[str]:
    return [warning for key in keys for warning in key.warnings(datetime.now(UTC))]
