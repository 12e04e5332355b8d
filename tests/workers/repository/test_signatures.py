"""What may become the InRelease of an APT release repository."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.workers.repository.generations import holds, published
from tests.workers.repository.programs import ReleaseRepository, Signer, refused, succeeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import Packages

pytestmark = pytest.mark.parametrize("package_format", ["deb"])


@dataclass(frozen=True)
class Staged:
    """A stage with its right signatures, and a stranger's keys."""

    release: ReleaseRepository
    answer: dict[str, Any]
    signed: Path
    foreign: Signer

    @property
    def text(self) -> Path:
        """The Release to be signed."""
        return Path(self.answer["to_sign"])

    @property
    def inrelease(self) -> Path:
        """The right InRelease."""
        return self.signed / "InRelease"

    def forged(self, content: bytes, name: str = "InRelease") -> Path:
        """The signatures with one of other content."""
        folder = self.release.scratch / "forged"
        shutil.copytree(self.signed, folder)
        (folder / name).write_bytes(content)
        return folder

    def signed_by(self, signer: Signer, text: bytes) -> Path:
        """Signatures of a text, by anybody."""
        staged = self.release.scratch / "staged"
        staged.mkdir()
        (staged / "Release").write_bytes(text)
        return signer.metadata("deb", staged, self.release.scratch / "by-others")


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory, signer: Signer, packages: Packages
) -> tuple[ReleaseRepository, dict[str, Any]]:
    """A published generation and a stage on top of it, to be copied."""
    folder = tmp_path_factory.mktemp("template")
    release = ReleaseRepository(folder / "release", "deb", signer, folder)
    release.root.mkdir()
    (release.root / "key.asc").write_text(signer.public_keys["deb"])
    release.publish(packages.make("deb", "1.0"))
    answer = release.stage(packages.make("deb", "1.1"))
    return release, {**answer, "signed": str(release.sign(answer))}


@pytest.fixture
def staged(
    template: tuple[ReleaseRepository, dict[str, Any]],
    release: ReleaseRepository,
    foreign_signer: Signer,
) -> Staged:
    """A copy of the stage, where the clients' server is looking."""
    original, answer = template
    shutil.copytree(original.root, release.root, dirs_exist_ok=True)
    return Staged(release, answer, Path(answer["signed"]), foreign_signer)


def _by_a_stranger(staged: Staged) -> Path:
    return staged.signed_by(staged.foreign, staged.text.read_bytes())


def _altered_after_signing(staged: Staged) -> Path:
    return staged.forged(staged.inrelease.read_bytes().replace(b"Origin: ", b"Origin: Not "))


def _altered_before_signing(staged: Staged) -> Path:
    text = staged.text.read_bytes().replace(b"Suite: ", b"Suite: not-")
    return staged.signed_by(staged.release.signer, text)


def _with_text_before(staged: Staged) -> Path:
    return staged.forged(b"Origin: somebody\n\n" + staged.inrelease.read_bytes())


def _with_text_after(staged: Staged) -> Path:
    return staged.forged(staged.inrelease.read_bytes() + b"\nOrigin: somebody\n")


def _signed_twice(staged: Staged) -> Path:
    other = (_by_a_stranger(staged) / "InRelease").read_bytes()
    return staged.forged(staged.inrelease.read_bytes() + other)


def _cut_short(staged: Staged) -> Path:
    return staged.forged(staged.inrelease.read_bytes()[:-100])


def _unsigned(staged: Staged) -> Path:
    return staged.forged(staged.text.read_bytes())


def _of_the_generation_before(staged: Staged) -> Path:
    return staged.forged(published(staged.release))


def _detached_by_a_stranger(staged: Staged) -> Path:
    return staged.forged((_by_a_stranger(staged) / "Release.gpg").read_bytes(), "Release.gpg")


def _by_a_stranger_with_the_right_keys(staged: Staged) -> Path:
    folder = _by_a_stranger(staged)
    shutil.copyfile(staged.signed / "key.asc", folder / "key.asc")
    return folder


def _missing(staged: Staged) -> Path:
    return staged.release.scratch / "nowhere"


def _without_the_detached_one(staged: Staged) -> Path:
    folder = staged.forged(staged.inrelease.read_bytes())
    (folder / "Release.gpg").unlink()
    return folder


def _dearmoured(key: str) -> bytes:
    return subprocess.run(
        ["gpg", "--dearmor"], input=key.encode(), capture_output=True, check=True
    ).stdout


def _armoured(keys: bytes) -> bytes:
    made = subprocess.run(["gpg", "--enarmor"], input=keys, capture_output=True, check=True).stdout
    return made.replace(b"PGP ARMORED FILE", b"PGP PUBLIC KEY BLOCK")


_FORGERIES: list[Callable[[Staged], Path]] = [
    _by_a_stranger,
    _by_a_stranger_with_the_right_keys,
    _altered_after_signing,
    _altered_before_signing,
    _with_text_before,
    _with_text_after,
    _signed_twice,
    _cut_short,
    _unsigned,
    _of_the_generation_before,
    _detached_by_a_stranger,
    _missing,
    _without_the_detached_one,
]


@pytest.mark.parametrize("forge", _FORGERIES, ids=lambda forge: forge.__name__.strip("_"))
def test_a_wrong_inrelease_is_refused(staged: Staged, forge: Callable[[Staged], Path]) -> None:
    release, before = staged.release, published(staged.release)
    refused(release.commit(staged.answer, forge(staged)), 2)
    assert published(release) == before
    assert not holds(release, "1.1")
    succeeded(release.commit(staged.answer, staged.signed))
    assert holds(release, "1.1")


def test_the_inrelease_of_another_stage_is_refused(staged: Staged, packages: Packages) -> None:
    release, before = staged.release, published(staged.release)
    other = release.stage(packages.make("deb", "1.2"))
    assert "another text" in refused(release.commit(other, staged.signed), 2)
    assert published(release) == before


def test_signatures_without_the_public_keys_are_refused(staged: Staged) -> None:
    folder = staged.forged(staged.inrelease.read_bytes())
    (folder / "key.asc").unlink()
    assert "key.asc" in refused(staged.release.commit(staged.answer, folder), 2)


def test_the_public_keys_that_come_with_signatures_are_published(staged: Staged) -> None:
    published_key = staged.release.root / "key.asc"
    right = published_key.read_text()
    published_key.unlink()
    succeeded(staged.release.commit(staged.answer, staged.signed))
    assert published_key.read_text() == right


def test_a_key_that_the_site_file_does_not_name_is_not_published(staged: Staged) -> None:
    published_key = staged.release.root / "key.asc"
    right = published_key.read_text()
    more = _dearmoured(right) + _dearmoured(staged.foreign.public_keys["deb"])
    both = staged.forged(_armoured(more), "key.asc")
    reason = refused(staged.release.commit(staged.answer, both), 2)
    assert "a key that the site file does not name" in reason
    assert published_key.read_text() == right


def test_apt_reads_what_was_committed_in_the_end(staged: Staged, reader: Client) -> None:
    refused(staged.release.commit(staged.answer, _by_a_stranger(staged)), 2)
    succeeded(staged.release.commit(staged.answer, staged.signed))
    reader.update()
    assert reader.versions("demo") == {"1.1", "1.0"}
