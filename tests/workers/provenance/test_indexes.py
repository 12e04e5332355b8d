"""Each form of an index is read: no client may see what an audit does not."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import zstandard

from tests.workers.repository.generations import commit_point
from workers.outcome import BadRequest
from workers.provenance.audit import audit
from workers.provenance.choice import chain_of
from workers.provenance.readers import Folder
from workers.provenance.trust import trusting
from workers.provenance.unpacking import Content, unpacked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.provenance.conftest import Audited

_TEXT = b"what an index says\n" * 100
_CONTENT = Content(hashlib.sha256(_TEXT).hexdigest(), len(_TEXT))


def _packed(path: Path, content: bytes) -> Content:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    return Content(hashlib.sha256(content).hexdigest(), len(content))


@pytest.mark.parametrize("package_format", ["deb"])
def test_an_index_that_only_some_clients_read_is_read(audited: Audited) -> None:
    """APT takes xz where there is one."""
    name = "main/binary-amd64/Packages"
    folder = commit_point(audited.release).parent
    text = gzip.decompress((folder / f"{name}.gz").read_bytes())
    other = lzma.compress(text.replace(b"demo", b"evil"))
    of = _packed(folder / f"{name}.xz", other)
    for top in (folder, audited.snapshot(audited.stamps[0]).parent):
        _packed(top / f"main/binary-amd64/by-hash/SHA256/{of.sha256}", other)
    audited.sign_text(
        lambda text: re.sub(rf" \w+ \d+ {name}.xz", f" {of.sha256} {of.size} {name}.xz", text)
    )
    found = [line for line in audited.findings() if not line.startswith("stranger: ")]
    assert found
    assert all(line.endswith(": what is in it is not what was listed") for line in found)
    assert f"by-hash/SHA256/{of.sha256}: " in found[0]


@pytest.mark.parametrize("package_format", ["deb"])
def test_a_path_that_leads_out_is_named_and_not_followed(audited: Audited) -> None:
    audited.sign_text(
        lambda text: text.replace("SHA256:\n", f"SHA256:\n {'0' * 64} 1 ../../../x\n")
    )
    found = audited.findings()
    assert any("'dists/trixie/../../../" in line and "is no path" in line for line in found)
    assert not any(line.startswith("stranger: pool/") for line in found)


@pytest.mark.parametrize("package_format", ["rpm"])
def test_packages_that_no_index_counts_are_named(audited: Audited) -> None:
    """A package at the end that is cut off, for one reader, is a package for another."""
    folder = commit_point(audited.release).parent
    text = gzip.decompress((folder / "primary.xml.gz").read_bytes())
    other = text.replace(b'packages="2"', b'packages="1"')
    packed = gzip.compress(other)
    of = _packed(folder / "primary.xml.gz", packed)
    name = f"repodata/{of.sha256}-primary.xml.gz"
    for top in (audited.root, audited.snapshot(audited.stamps[0]).parents[1]):
        _packed(top / name, packed)

    def list_it(repomd: str) -> str:
        begin, primary, end = re.split(r'(<data type="primary">.*?</data>)', repomd, flags=re.S)
        for tag, value in (
            ("checksum", of.sha256),
            ("size", str(of.size)),
            ("open-size", str(len(other))),
        ):
            primary = re.sub(rf"(<{tag}[^>]*>)[^<]*", rf"\g<1>{value}", primary)
        primary = re.sub(r'href="[^"]*"', f'href="{name}"', primary)
        return begin + primary + end

    audited.sign_text(list_it)
    told = f"damaged: {name}: it says that there are 1 packages, and lists 2"
    assert told in audited.findings()


@pytest.mark.parametrize("package_format", ["rpm"])
def test_metadata_that_only_some_clients_know_is_named(audited: Audited) -> None:
    audited.sign_text(lambda text: text.replace('type="other"', 'type="primary_zck"'))
    found = "\n".join(audited.findings())
    assert "damaged: repodata/repomd.xml: it lists other metadata than " in found


@pytest.mark.parametrize("package_format", ["deb"])
def test_what_has_expired_is_named(audited: Audited) -> None:
    now = datetime.now(UTC)
    until = (now + timedelta(days=1)).strftime("%a, %d %b %Y %H:%M:%S UTC")
    audited.sign_text(lambda text: text.replace("Acquire", f"Valid-Until: {until}\nAcquire"))
    reader = Folder(audited.root)
    chain = chain_of(reader, None, None)
    with trusting(audited.key) as trust:
        assert audit(reader, trust, chain, now).findings == []
        (found,) = audit(reader, trust, chain, now + timedelta(days=2)).findings
    assert (found.problem, found.path) == ("expired", "dists/trixie/InRelease")


@pytest.mark.parametrize("package_format", ["deb"])
def test_which_repository_is_asked_for_must_be_clear(audited: Audited) -> None:
    (audited.root / "repodata").mkdir()
    (audited.root / "repodata/repomd.xml").touch()
    status, (told,) = audited.audit()
    assert status == 2
    assert told.endswith("tell --format")
    for asked in (("--format", "deb"), ("--codename", "trixie")):
        (found,) = audited.findings(*asked)
        assert found.startswith("stranger: repodata/repomd.xml: ")
    _, lines = audited.audit("--format", "rpm")
    assert any(line.startswith("unsigned: repodata/repomd.xml.asc: ") for line in lines)
    status, (told,) = audited.audit("--format", "rpm", "--codename", "trixie")
    assert status == 2


def test_pieces_are_one_index(tmp_path: Path) -> None:
    """As they are where one package was added to many."""
    half = len(_TEXT) // 2
    for ending, pack in (("gz", gzip.compress), ("zst", zstandard.compress)):
        path = tmp_path / f"index.{ending}"
        path.write_bytes(pack(_TEXT[:half]) + pack(_TEXT[half:]))
        for told in (_CONTENT.sha256, None):
            with unpacked(path, ending, _CONTENT.size, told) as plain:
                assert plain.read_bytes() == _TEXT


@pytest.mark.parametrize(
    ("ending", "packed"),
    [
        ("gz", gzip.compress(_TEXT)[:-1]),
        ("gz", b"none"),
        ("xz", lzma.compress(_TEXT)[:-1]),
        # APT reads the first stream only.
        ("xz", lzma.compress(_TEXT[:100]) + lzma.compress(_TEXT[100:])),
        ("zst", b"none"),
        ("bz2", b""),
        ("gz", gzip.compress(bytes(1 << 28))),
        ("", _TEXT + b"more"),
        ("gz", gzip.compress(_TEXT[::-1])),
    ],
)
def test_what_is_no_index_is_refused(tmp_path: Path, ending: str, packed: bytes) -> None:
    path = tmp_path / "index"
    path.write_bytes(packed)
    with (
        pytest.raises(BadRequest),
        unpacked(path, ending, _CONTENT.size, _CONTENT.sha256),
    ):
        pass
