"""Several signatures of one text: one good one is enough, one wrong one spoils the rest."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from pysequoia import ArmorKind, armor
from pysequoia.packet import PacketPile

from tests.workers.repository.programs import end_agent
from workers.outcome import BadRequest
from workers.repository.signatures import Keyring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ARMOUR = b"-----BEGIN PGP SIGNATURE-----"
_THEN, _LATER = "20200601T000000", "20210601T000000"


@dataclass(frozen=True)
class _People:
    """Ann and Ben have keys since 2020; at first neither of them expires."""

    home: Path
    folder: Path

    def gpg(self, *arguments: str, text: bytes = b"", at: str = _THEN) -> bytes:
        always = ("--batch", "--yes", "--passphrase", "", "--faked-system-time", at)
        return subprocess.run(
            ["gpg", "--homedir", self.home, *always, *arguments],
            input=text,
            capture_output=True,
            check=True,
        ).stdout

    def ring(self, *names: str) -> Keyring:
        """Their public keys."""
        path = self.folder / f"{'-'.join(names)}.asc"
        path.write_bytes(self.gpg("--armor", "--export", *names))
        return Keyring.of(path)

    def signed(self, *names: str, text: bytes = b"text\n", at: str = _THEN) -> bytes:
        by = [word for name in names for word in ("--local-user", name)]
        return self.gpg(*by, "--clear-sign", text=text, at=at)


@pytest.fixture
def people(tmp_path: Path) -> Iterator[_People]:
    """The two, for each test anew."""
    made = _People(tmp_path / "home", tmp_path)
    made.home.mkdir(mode=0o700)
    for name in ("Ann", "Ben"):
        made.gpg("--quick-generate-key", name, "ed25519", "sign", "never", at="20200101T000000")
    yield made
    end_agent(made.home)


def test_either_of_two_keys_is_enough(people: _People) -> None:
    both = people.signed("Ann", "Ben")
    for known in (("Ann",), ("Ben",), ("Ann", "Ben")):
        assert people.ring(*known).opened(both) == b"text"
    with pytest.raises(BadRequest, match="not signed by a key in"):
        people.ring("Ben").opened(people.signed("Ann"))


def test_a_wrong_signature_beside_a_good_one_is_refused(people: _People) -> None:
    text = b"text\n"
    for_it, for_other = (
        people.gpg("--local-user", name, "--detach-sign", text=content)
        for name, content in (("Ann", text), ("Ben", b"another\n"))
    )
    both = people.ring("Ann", "Ben")
    assert both.has_signed(text, for_it)
    for content in (for_it + for_other, for_other + for_it):
        assert not both.has_signed(text, content)
        assert people.ring("Ann").has_signed(text, content)  # of a stranger's nothing is known


def test_a_wrong_signature_around_a_text_is_refused(people: _People) -> None:
    ours, others = people.signed("Ann"), people.signed("Ben", text=b"another\n")
    armours = [content[content.index(_ARMOUR) :] for content in (ours, others)]
    packets = b"".join(bytes(packet) for it in armours for packet in PacketPile.from_bytes(it))
    both = ours.removesuffix(armours[0]) + armor(packets, ArmorKind.Signature).encode()
    assert people.ring("Ann").opened(both) == b"text"
    for known in (("Ben",), ("Ann", "Ben")):
        with pytest.raises(BadRequest, match="not signed by a key in"):
            people.ring(*known).opened(both)


def test_what_was_signed_before_a_key_expired_stays_signed(people: _People) -> None:
    before, after = people.signed("Ann"), people.signed("Ann", at=_LATER)
    (listed,) = [
        line
        for line in people.gpg("--with-colons", "--list-keys", "Ann").decode().splitlines()
        if line.startswith("fpr:")
    ]
    people.gpg("--quick-set-expire", listed.split(":")[9], "2d")
    ring = people.ring("Ann")
    assert ring.opened(before) == b"text"
    with pytest.raises(BadRequest, match="not signed by a key in"):
        ring.opened(after)


def test_what_a_revoked_key_signed_counts_for_nothing(people: _People) -> None:
    signed, both = people.signed("Ann"), people.signed("Ann", "Ben")
    (written,) = [
        path.read_text()
        for path in (people.home / "openpgp-revocs.d").iterdir()
        if "Ann" in path.read_text()
    ]
    people.gpg("--import", text=written.replace(":-----BEGIN", "-----BEGIN").encode())
    with pytest.raises(BadRequest, match="not signed by a key in"):
        people.ring("Ann").opened(signed)
    assert people.ring("Ann", "Ben").opened(both) == b"text"
