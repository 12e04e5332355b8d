"""Keys: made for their format, kept from others, refused when they are no good."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.workers.repository.programs import Outcome, end_agent, program, refused, succeeded

if TYPE_CHECKING:
    from pathlib import Path


def _make(home: Path, kind: str = "deb", *more: str) -> str:
    who = ("--name", "A signer", "--email", "signer@example.org")
    made = succeeded(program("sign", "keys", "make", "--home", home, "--kind", kind, *who, *more))
    return str(made["fingerprint"])


def _given(
    home: Path,
    algorithm: str,
    usage: str = "sign",
    *,
    made: str = "now",
    passphrase: str = "",
    digest: str = "SHA512",
) -> str:
    """The fingerprint of a key that somebody brings along."""
    if not home.exists():
        home.mkdir(mode=0o700)
    time = () if made == "now" else ("--faked-system-time", made)
    told = ("--pinentry-mode", "loopback", "--passphrase", passphrase)
    command = ("--status-fd", "1", "--batch", "--yes", *told, "--cert-digest-algo", digest, *time)
    expires = "never" if made == "now" else "1y"
    result = subprocess.run(
        [
            *("gpg", "--homedir", home, *command),
            *("--quick-generate-key", "Ann", algorithm, usage, expires),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return result.stdout.rpartition("KEY_CREATED ")[2].split()[1]


def _export(home: Path, *keys: str) -> Outcome:
    named = [word for key in keys for word in ("--key", key)]
    return program("sign", "keys", "export", "--home", home, *named)


def _check(home: Path, kind: str, *keys: str, trusted: str | None = None) -> Outcome:
    named = [word for key in keys for word in ("--key", key)]
    named += ["--trusted", trusted] if trusted else []
    return program("sign", "keys", "check", "--home", home, "--repository", f"main/{kind}", *named)


@pytest.mark.parametrize(
    ("kind", "algorithm", "bits"), [("deb", "22", "255"), ("rpm", "1", "3072")]
)
def test_each_format_gets_a_key_its_clients_know(
    home: Path, kind: str, algorithm: str, bits: str
) -> None:
    fingerprint = _make(home, kind)
    shown = subprocess.run(
        ["gpg", "--homedir", home, "--with-colons", "--list-keys", fingerprint],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (public,) = [line.split(":") for line in shown.splitlines() if line.startswith("pub:")]
    assert (public[3], public[2]) == (algorithm, bits)
    assert public[6] == ""  # does not expire


def test_a_home_is_made_for_its_owner_alone(home: Path) -> None:
    _make(home)
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_home_that_others_can_look_into_is_not_used(home: Path) -> None:
    fingerprint = _make(home)
    home.chmod(0o750)
    assert "mode 0700" in refused(_export(home, fingerprint), 2)
    home.chmod(0o700)
    succeeded(_export(home, fingerprint))


def test_a_home_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    subprocess.run(["chown", "nobody", other], check=True)
    assert "must belong to the user who signs" in refused(_export(other, "0" * 40), 2)


def test_a_key_that_is_not_there_signs_nothing(home: Path) -> None:
    _make(home)
    assert "holds no secret key of " in refused(_check(home, "deb", "0" * 40), 2)


@pytest.mark.parametrize("name", ["Mallory <m@example.org>", "two\nlines"])
def test_a_name_that_would_become_another_address_is_refused(home: Path, name: str) -> None:
    who = ("--name", name, "--email", "signer@example.org")
    outcome = program("sign", "keys", "make", "--home", home, "--kind", "deb", *who)
    assert "--name" in refused(outcome, 2)


@pytest.mark.parametrize(("expires", "warned"), [("30d", True), ("2y", False), ("never", False)])
def test_a_key_that_expires_soon_is_told_of(home: Path, expires: str, *, warned: bool) -> None:
    fingerprint = _make(home, "deb", "--expires", expires)
    warnings = succeeded(_check(home, "deb", fingerprint))["warnings"]
    assert bool(warnings) is warned
    if warned:
        assert warnings[0].startswith(f"key {fingerprint} expires in 29 days: ")


def test_an_expired_key_signs_nothing(home: Path) -> None:
    old = _given(home, "ed25519", made="20200101T000000")
    assert "has expired; nothing goes unsigned" in refused(_check(home, "deb", old), 2)


@pytest.mark.parametrize(
    ("kind", "algorithm", "usage", "told"),
    [
        ("rpm", "rsa2048", "sign", "clients want RSA of at least 3072 bits"),
        ("rpm", "ed25519", "sign", "clients want RSA of at least 3072 bits"),
        ("rpm", "rsa4096", "sign", None),
        ("deb", "rsa1024", "sign", "RSA of at least 2048 bits (or ECDSA or EdDSA)"),
        ("deb", "dsa2048", "sign", "RSA of at least 2048 bits (or ECDSA or EdDSA)"),
        ("deb", "rsa2048", "sign", None),
        ("deb", "nistp256", "sign", None),
        ("deb", "ed25519", "cert", "cannot sign itself"),
        ("deb", "brainpoolP256r1", "sign", "on a curve that few clients know"),
    ],
)
def test_a_key_that_clients_do_not_accept_signs_nothing(
    home: Path, kind: str, algorithm: str, usage: str, told: str | None
) -> None:
    outcome = _check(home, kind, _given(home, algorithm, usage))
    if told is None:
        succeeded(outcome)
    else:
        assert told in refused(outcome, 2)


def test_a_key_that_an_old_digest_vouches_for_signs_nothing_until_made_anew(home: Path) -> None:
    key = _given(home, "rsa3072", digest="SHA1")
    assert "gpg --quick-set-expire makes that anew" in refused(_check(home, "rpm", key), 2)
    whose = ("--homedir", str(home), "--batch", "--passphrase", "")
    command = ["gpg", *whose, "--quick-set-expire", key, "2y"]
    subprocess.run(command, check=True, capture_output=True)
    succeeded(_check(home, "rpm", key))


def test_a_key_with_a_passphrase_signs_nothing(home: Path) -> None:
    """Not even while its home knows the passphrase: tomorrow it might not."""
    outcome = _check(home, "deb", _given(home, "ed25519", passphrase="open"))
    assert "it must have no passphrase" in refused(outcome, 2)


def test_all_that_is_wrong_with_keys_is_told_at_once(home: Path) -> None:
    small, good = _given(home, "rsa2048"), _make(home, "rpm")
    outcome = _check(home, "rpm", "0" * 40, good, small)
    assert "holds no secret key of 000" in refused(outcome, 2)
    assert f"key {small} does not suit rpm" in outcome.answer["detail"]
    assert good not in outcome.answer["detail"]


def test_a_key_that_signs_no_more_need_only_be_known(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    old, new = _given(elsewhere, "ed25519", made="20200101T000000"), _make(home)
    assert f"no public key {old}" in refused(_check(home, "deb", new, trusted=old), 2)
    public = succeeded(_export(elsewhere, old))["public_key"]
    end_agent(elsewhere)
    subprocess.run(["gpg", "--homedir", home, "--import"], input=public, text=True, check=True)
    assert succeeded(_check(home, "deb", new, trusted=old))["warnings"] == []
    assert "holds no secret key" in refused(_check(home, "deb", old), 2)


def test_several_keys_are_shown_as_one_file(home: Path, tmp_path: Path) -> None:
    keys = [_make(home), _make(home, "rpm")]
    text = succeeded(_export(home, *keys))["public_key"]
    assert text.count("-----BEGIN PGP PUBLIC KEY BLOCK-----") == 1
    (tmp_path / "key.asc").write_text(text)
    listed = subprocess.run(
        ["gpg", "--homedir", tmp_path, "--with-colons", "--show-keys", tmp_path / "key.asc"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert all(f":{key}:" in listed for key in keys)
