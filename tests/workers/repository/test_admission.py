"""What a release repository takes: nothing goes back, nothing published ever changes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.workers.repository.generations import files_of, holds, published
from tests.workers.repository.programs import only_package, program, refused, succeeded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import Packages, ReleaseRepository, Signer

_OTHER_CONTENT = "already published with other content"


def test_a_version_does_not_go_down_where_the_architecture_changes(
    release: ReleaseRepository, packages: Packages
) -> None:
    kind = release.package_format
    release.publish(packages.make(kind, "2.0", native=True))
    lower = packages.make(kind, "1.0")
    for outcome in (release.accepts(lower), program(*release.stage_arguments(lower))):
        assert "is lower than 2.0-1" in refused(outcome, 1)


def test_versions_of_another_architecture_make_room_too(
    release: ReleaseRepository, packages: Packages
) -> None:
    kind = release.package_format
    for version, native in (("1.0", False), ("2.0", True), ("3.0", True)):
        release.publish(packages.make(kind, version, native=native))
    assert [holds(release, version) for version in ("1.0", "2.0", "3.0")] == [False, True, True]


def test_what_is_gone_for_good_never_comes_again_with_other_content(
    release: ReleaseRepository, packages: Packages
) -> None:
    kind = release.package_format
    first = release.publish(packages.make(kind, "1.0"))["generation"]
    release.publish(packages.make(kind, "1.1"))
    release.rollback(first)
    release.publish(packages.make(kind, "1.0", name="other"), retention=0)
    assert not list(release.root.rglob("demo*1.1-1*"))
    other = packages.make(kind, "1.1", text="something else")
    for outcome in (release.accepts(other), program(*release.stage_arguments(other))):
        assert _OTHER_CONTENT in refused(outcome, 1)
    release.publish(packages.make(kind, "1.1"))
    assert holds(release, "1.1")


def test_what_was_never_committed_was_not_published(
    release: ReleaseRepository, reader: Client, packages: Packages
) -> None:
    kind = release.package_format
    release.publish(packages.make(kind, "1.0"))
    given_up = release.stage(packages.make(kind, "1.1"))
    signed = release.sign(given_up)
    other = packages.make(kind, "1.1", text="something else")
    succeeded(release.accepts(other))
    release.publish(other)
    reader.update()
    assert reader.download("demo") == only_package(other).read_bytes()
    assert "stage again" in refused(release.commit(given_up, signed), 75)
    assert files_of(release, published(release))


def test_a_stage_that_is_given_up_takes_nothing_with_it_that_was_there(
    release: ReleaseRepository, packages: Packages
) -> None:
    kind = release.package_format
    first = release.publish(packages.make(kind, "1.0"))["generation"]
    for version in ("1.1", "1.2"):
        release.publish(packages.make(kind, version))
    succeeded(program(*release.arguments("rollback", "--to", first, *release.metadata)))
    staged = release.stage(packages.make(kind, "1.3"))
    commit = release.commit_arguments(staged["stage"], release.sign(staged), retention=0)
    succeeded(program(*commit, "--generations", "3"))
    assert list((release.root / ".stage").iterdir()) == []
    assert len(_generations(release)) == 3
    assert list(release.root.rglob("demo*1.0-1*"))  # the oldest of them lists it


def test_a_stage_that_is_given_up_takes_nothing_with_it_that_another_published(
    release: ReleaseRepository, packages: Packages
) -> None:
    kind = release.package_format
    release.stage(packages.make(kind, "1.0"))
    release.publish(packages.make(kind, "1.0"))
    release.publish(packages.make(kind, "1.0", name="other"), retention=0)
    assert list((release.root / ".stage").iterdir()) == []
    assert holds(release, "1.0")
    assert list(release.root.rglob("demo*1.0-1*"))


@pytest.mark.parametrize("package_format", ["rpm"])
def test_a_publish_made_again_signs_again(
    release: ReleaseRepository, reader: Client, packages: Packages, tmp_path: Path
) -> None:
    release.publish(packages.make("rpm", "1.0"))
    first = packages.make("rpm", "1.1")
    release.stage(first)  # and given up
    again = release.signer.rpms(packages.unsigned("rpm", "1.1"), tmp_path / "again")
    assert only_package(again).read_bytes() != only_package(first).read_bytes()
    succeeded(release.accepts(again))
    release.publish(again)
    reader.update()
    assert reader.download("demo") in (
        only_package(again).read_bytes(),
        only_package(first).read_bytes(),
    )
    back = release.rollback(_generations(release)[-1])
    assert {package["version"] for package in back["removed"]} == {"1.1-1"}
    release.publish(release.signer.rpms(packages.unsigned("rpm", "1.1"), tmp_path / "third"))
    assert holds(release, "1.1")


def test_only_what_was_built_is_published(
    release: ReleaseRepository, packages: Packages, tmp_path: Path
) -> None:
    kind = release.package_format
    arguments = release.stage_arguments(packages.make(kind, "1.0"))
    exchanged = packages.make(kind, "1.0", text="something else")
    name = only_package(exchanged).name
    outcome = program(*_instead(arguments, exchanged))
    assert f"{name} is not the file of that name that the build made" in refused(outcome, 2)
    more = shutil.copytree(packages.make(kind, "1.0"), tmp_path / "more")
    shutil.copytree(packages.make(kind, "1.0", name="stranger"), more, dirs_exist_ok=True)
    outcome = program(*_instead(arguments, more))
    assert "stranger" in refused(outcome, 2)
    assert "is none of the files that the build made" in refused(outcome, 2)


@pytest.mark.parametrize("package_format", ["rpm"])
class TestSignedPackages:
    """RPM packages are published signed by the repository's key or not at all."""

    def test_others_are_refused(
        self,
        release: ReleaseRepository,
        packages: Packages,
        foreign_signer: Signer,
        tmp_path: Path,
    ) -> None:
        unsigned = packages.unsigned("rpm", "1.0")
        foreign = foreign_signer.rpms(unsigned, tmp_path / "foreign")
        refusals = {unsigned: "key.asc is missing", foreign: "the site file does not name"}
        for folder in (unsigned, foreign):
            own = shutil.copytree(folder, tmp_path / f"{folder.name}-with-the-key")
            (own / "key.asc").write_text(release.signer.public_keys["rpm"])
            refusals[own] = "demo-1.0-1.noarch.rpm is not signed by a key in"
        for folder, reason in refusals.items():
            assert reason in refused(program(*release.stage_arguments(folder)), 2)
        assert not (release.root / "Packages").exists()

    def test_another_key_counts_once_it_is_named(
        self,
        release: ReleaseRepository,
        packages: Packages,
        foreign_signer: Signer,
        tmp_path: Path,
    ) -> None:
        newer = foreign_signer.rpms(packages.unsigned("rpm", "1.0"), tmp_path / "newer")
        named = ("--key", foreign_signer.fingerprints["rpm"])
        assert succeeded(program(*release.stage_arguments(newer), *named))["added"]


def _instead(arguments: list[str | Path], folder: Path) -> list[str | Path]:
    place = arguments.index("--packages") + 1
    return [*arguments[:place], folder, *arguments[place + 1 :]]


def _generations(release: ReleaseRepository) -> list[str]:
    listed = succeeded(program(*release.arguments("generations")))["generations"]
    return [generation["generation"] for generation in listed]
