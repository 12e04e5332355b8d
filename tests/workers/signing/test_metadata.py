"""Signing what a generation is committed with: by which keys, in which order, on record."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.workers.repository.programs import Outcome, program, refused, succeeded

if TYPE_CHECKING:
    from pathlib import Path

_EARLY, _LATE = "20260101T000000.000000Z", "20260102T000000.000000Z"
_TEXTS = {
    "Release": "Origin: Lockgate\nX-Lockgate-Generation: {stamp}\n",
    "repomd.xml": "<repomd><revision>{stamp}</revision></repomd>\n",
}


@dataclass(frozen=True)
class _Desk:
    """A signer with two keys, and where texts come and go."""

    home: Path
    keys: list[str]
    folder: Path

    def sign(
        self, name: str, stamp: str, *keys: str, repository: str = "main/deb"
    ) -> tuple[Outcome, Path]:
        staged, out = self.folder / "staged", self.folder / f"signed-{stamp}"
        staged.mkdir(exist_ok=True)
        (staged / name).write_text(_TEXTS[name].format(stamp=stamp))
        named = [word for key in keys or self.keys[:1] for word in ("--key", key)]
        which = ["--repository", repository, "--home", str(self.home)]
        outcome = program(
            *("sign", "metadata", *which, *named),
            *("--staged", str(staged), "--out", str(out)),
            *("--build", "sign/main/deb/7", "--requester", "release/main/deb/3"),
        )
        return outcome, out

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.home / "signed.log").read_text().splitlines()]

    def accepted_by(self, key: str, *arguments: Path) -> bool:
        """Whether gpgv(1) is content that knows this key only."""
        keyring = self.folder / f"{key}.gpg"
        with keyring.open("wb") as file:
            export = ["gpg", "--homedir", str(self.home), "--export", key]
            subprocess.run(export, stdout=file, check=True)
        command = ["gpgv", "--status-fd", "1", "--keyring", str(keyring), *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, check=False)
        return f"[GNUPG:] VALIDSIG {key}".encode() in result.stdout


@pytest.fixture
def desk(home: Path, tmp_path: Path) -> _Desk:
    """Two keys, as while one takes over from the other."""
    return _Desk(home, [_make(home, "deb", f"Key {number}") for number in (1, 2)], tmp_path)


def _make(home: Path, kind: str, name: str) -> str:
    who = ("--name", name, "--email", "key@example.org")
    made = program("sign", "keys", "make", "--home", home, "--kind", kind, *who)
    return str(succeeded(made)["fingerprint"])


def test_a_release_gets_both_kinds_of_signature(desk: _Desk) -> None:
    outcome, out = desk.sign("Release", _EARLY)
    assert succeeded(outcome)["files"] == ["InRelease", "Release.gpg", "key.asc"]
    assert desk.accepted_by(desk.keys[0], out / "InRelease")
    assert desk.accepted_by(desk.keys[0], out / "Release.gpg", desk.folder / "staged/Release")
    assert not desk.accepted_by(desk.keys[1], out / "InRelease")


def test_while_keys_are_exchanged_either_is_enough(desk: _Desk) -> None:
    outcome, out = desk.sign("Release", _EARLY, *desk.keys)
    succeeded(outcome)
    for key in desk.keys:
        assert desk.accepted_by(key, out / "InRelease")
        assert desk.accepted_by(key, out / "Release.gpg", desk.folder / "staged/Release")


def test_no_subkey_signs(desk: _Desk) -> None:
    """It would be unknown to clients that were given the key before it had one."""
    whose = ("--homedir", str(desk.home), "--batch", "--passphrase", "")
    command = ["gpg", *whose, "--quick-add-key", desk.keys[0], "ed25519", "sign", "never"]
    subprocess.run(command, check=True, capture_output=True)
    outcome, out = desk.sign("Release", _EARLY)
    succeeded(outcome)
    assert desk.accepted_by(desk.keys[0], out / "InRelease")


def test_repomd_gets_a_detached_signature(desk: _Desk) -> None:
    key = _make(desk.home, "rpm", "Key 3")
    outcome, out = desk.sign("repomd.xml", _EARLY, key, repository="main/rpm")
    assert succeeded(outcome)["files"] == ["key.asc", "repomd.xml.asc"]
    staged = desk.folder / "staged/repomd.xml"
    assert desk.accepted_by(key, out / "repomd.xml.asc", staged)


def test_a_key_that_does_not_suit_the_repository_does_not_sign(desk: _Desk) -> None:
    outcome, out = desk.sign("repomd.xml", _EARLY, repository="main/rpm")
    assert "does not suit rpm repositories" in refused(outcome, 2)
    assert not out.exists()


def test_every_signature_is_on_record(desk: _Desk) -> None:
    outcome, _ = desk.sign("Release", _EARLY, *desk.keys)
    succeeded(outcome)
    (entry,) = desk.log()
    assert entry.pop("time")
    text = (desk.folder / "staged/Release").read_bytes()
    assert entry == {
        "sha256": hashlib.sha256(text).hexdigest(),
        "previous": "0" * 64,
        "what": "Release",
        "generation": _EARLY,
        "key": ",".join(desk.keys),
        "repository": "main/deb",
        "build": "sign/main/deb/7",
        "requester": "release/main/deb/3",
    }


def test_an_older_generation_is_not_signed_again(desk: _Desk) -> None:
    succeeded(desk.sign("Release", _LATE)[0])
    outcome, out = desk.sign("Release", _EARLY)
    assert f"is older than {_LATE}" in refused(outcome, 2)
    assert not out.exists()
    assert len(desk.log()) == 1
    succeeded(desk.sign("Release", _EARLY, repository="next/deb")[0])
    succeeded(desk.sign("Release", _LATE)[0])  # asked again after a crash


def test_a_text_that_names_no_generation_is_not_signed(desk: _Desk) -> None:
    (desk.folder / "staged").mkdir()
    (desk.folder / "staged/repomd.xml").write_text("<repomd/>")
    assert "must hold one of" in refused(desk.sign("Release", _EARLY)[0], 2)
    (desk.folder / "staged/Release").unlink()
    named = ("--home", desk.home, "--key", desk.keys[0], "--repository", "main/deb")
    folders = ("--staged", desk.folder / "staged", "--out", desk.folder / "out")
    outcome = program("sign", "metadata", *named, *folders, "--build", "1", "--requester", "x")
    assert "names no generation" in refused(outcome, 2)


@pytest.mark.parametrize(
    ("stamp", "told"),
    [("99991231T000000.000000Z", "is not made yet"), ("zzz", "names no generation")],
)
def test_a_generation_that_would_outlast_all_others_is_not_signed(
    desk: _Desk, stamp: str, told: str
) -> None:
    outcome, out = desk.sign("Release", stamp)
    assert told in refused(outcome, 2)
    assert not out.exists()


def test_nothing_is_signed_when_one_of_the_keys_is_missing(desk: _Desk) -> None:
    outcome, out = desk.sign("Release", _EARLY, desk.keys[0], "0" * 40)
    assert "holds no secret key" in refused(outcome, 2)
    assert not out.exists()
    assert not (desk.home / "signed.log").exists()
