"""What may become the InRelease of an APT release repository."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.workers.repository.generations import holds, published
from tests.workers.repository.programs import ReleaseRepository, Signer, program, refused, succeeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import Packages

pytestmark = pytest.mark.parametrize("package_format", ["deb"])


@dataclass(frozen=True)
class Staged:
    """A stage with its rightly signed InRelease, and a stranger's keys."""

    release: ReleaseRepository
    answer: dict[str, Any]
    inrelease: Path
    foreign: Signer

    @property
    def text(self) -> Path:
        """The Release to be signed."""
        return Path(self.answer["to_sign"])

    def file(self, content: bytes) -> Path:
        """A file of that content."""
        path = self.release.scratch / "Forged"
        path.write_bytes(content)
        return path


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
    release.sign(answer)
    return release, answer


@pytest.fixture
def staged(
    template: tuple[ReleaseRepository, dict[str, Any]],
    release: ReleaseRepository,
    foreign_signer: Signer,
) -> Staged:
    """A copy of the stage, where the clients' server is looking."""
    original, answer = template
    shutil.copytree(original.root, release.root, dirs_exist_ok=True)
    inrelease = Path(shutil.copy(original.scratch / "InRelease", release.scratch))
    return Staged(release, answer, inrelease, foreign_signer)


def _by_a_stranger(staged: Staged) -> Path:
    return staged.foreign.release(staged.text, staged.release.scratch / "Forged")


def _altered_after_signing(staged: Staged) -> Path:
    return staged.file(staged.inrelease.read_bytes().replace(b"Origin: ", b"Origin: Not "))


def _altered_before_signing(staged: Staged) -> Path:
    text = staged.file(staged.text.read_bytes().replace(b"Suite: ", b"Suite: not-"))
    return staged.release.signer.release(text, staged.release.scratch / "Altered")


def _with_text_before(staged: Staged) -> Path:
    return staged.file(b"Origin: somebody\n\n" + staged.inrelease.read_bytes())


def _with_text_after(staged: Staged) -> Path:
    return staged.file(staged.inrelease.read_bytes() + b"\nOrigin: somebody\n")


def _signed_twice(staged: Staged) -> Path:
    content = staged.inrelease.read_bytes()
    return staged.file(content + _by_a_stranger(staged).read_bytes())


def _cut_short(staged: Staged) -> Path:
    return staged.file(staged.inrelease.read_bytes()[:-100])


def _unsigned(staged: Staged) -> Path:
    return staged.text


def _of_the_generation_before(staged: Staged) -> Path:
    return staged.file(published(staged.release))


def _missing(staged: Staged) -> Path:
    return staged.release.scratch / "nowhere"


def _a_folder(staged: Staged) -> Path:
    return staged.release.scratch


_FORGERIES: list[Callable[[Staged], Path]] = [
    _by_a_stranger,
    _altered_after_signing,
    _altered_before_signing,
    _with_text_before,
    _with_text_after,
    _signed_twice,
    _cut_short,
    _unsigned,
    _of_the_generation_before,
    _missing,
    _a_folder,
]


@pytest.mark.parametrize("forge", _FORGERIES, ids=lambda forge: forge.__name__.strip("_"))
def test_a_wrong_inrelease_is_refused(staged: Staged, forge: Callable[[Staged], Path]) -> None:
    release, before = staged.release, published(staged.release)
    refused(release.commit(staged.answer, forge(staged)), 2)
    assert published(release) == before
    assert not holds(release, "1.1")
    succeeded(release.commit(staged.answer, staged.inrelease))
    assert holds(release, "1.1")


def test_the_inrelease_of_another_stage_is_refused(staged: Staged, packages: Packages) -> None:
    release, before = staged.release, published(staged.release)
    other = release.stage(packages.make("deb", "1.2"))
    assert "another text" in refused(release.commit(other, staged.inrelease), 2)
    assert published(release) == before


def test_a_commit_without_a_signature_is_refused(staged: Staged) -> None:
    before = published(staged.release)
    reason = refused(program(*staged.release.commit_arguments(staged.answer["stage"], None)), 2)
    assert "--inrelease" in reason
    assert published(staged.release) == before


def test_a_repository_without_a_public_key_takes_no_commit(staged: Staged) -> None:
    before = published(staged.release)
    (staged.release.root / "key.asc").unlink()
    assert "key.asc" in refused(staged.release.commit(staged.answer, staged.inrelease), 2)
    assert published(staged.release) == before


def test_apt_reads_what_was_committed_in_the_end(staged: Staged, reader: Client) -> None:
    refused(staged.release.commit(staged.answer, _by_a_stranger(staged)), 2)
    succeeded(staged.release.commit(staged.answer, staged.inrelease))
    reader.update()
    assert reader.versions("demo") == {"1.1", "1.0"}
