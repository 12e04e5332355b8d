"""Release repositories: staged, signed, committed, read by the formats' own clients."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.workers.repository.clients import ClientFailed
from tests.workers.repository.generations import (
    commit_point,
    everything,
    files_of,
    holds,
    published,
)
from tests.workers.repository.programs import only_package, program, refused, succeeded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import Packages, ReleaseRepository, Signer
    from tests.workers.repository.web import Served


def test_a_new_version_shows_at_the_commit_and_not_before(
    served: Served, release: ReleaseRepository, reader: Client, packages: Packages
) -> None:
    release.publish(packages.make(release.package_format, "1.0"))
    newer = packages.make(release.package_format, "1.1")
    staged = release.stage(newer)
    signed = release.sign(staged)
    reader.update()
    assert reader.versions("demo") == {"1.0"}
    succeeded(release.commit(staged, signed))
    later = served.client(release.package_format, "release", release.root / "key.asc")
    later.update()
    assert later.versions("demo") == {"1.1", "1.0"}
    assert later.download("demo") == only_package(newer).read_bytes()


def test_a_client_sees_a_generation_made_while_the_clock_stood_or_stepped_back(
    release: ReleaseRepository, reader: Client, packages: Packages
) -> None:
    release.publish(packages.make(release.package_format, "1.0"))
    # What a generation of this very second looks like to one made within it, made certain.
    ahead = time.time() + 60
    os.utime(commit_point(release), (ahead, ahead))
    reader.update()
    release.publish(packages.make(release.package_format, "1.1"))
    reader.update()
    assert reader.versions("demo") == {"1.1", "1.0"}


def test_a_client_that_trusts_another_key_takes_nothing(
    served: Served,
    release: ReleaseRepository,
    packages: Packages,
    foreign_key: Path,
) -> None:
    release.publish(packages.make(release.package_format, "1.0"))
    stranger = served.client(release.package_format, "release", foreign_key)
    with pytest.raises(ClientFailed, match=r"(?i)signature|key"):
        _fetch(stranger)


def test_the_answers_say_what_was_added(release: ReleaseRepository, packages: Packages) -> None:
    folder = packages.make(release.package_format, "1.0")
    staged = release.stage(folder)
    (added,) = staged["added"]
    assert (added["name"], added["version"]) == ("demo", "1.0-1")
    committed = succeeded(release.commit(staged, release.sign(staged)))
    assert committed["added"] == staged["added"]
    assert (release.root / added["file"]).read_bytes() == only_package(folder).read_bytes()
    record = release.root / "generations" / f"{committed['generation']}.json"
    assert json.loads(record.read_bytes())["added"] == staged["added"]


def test_only_the_newest_versions_stay_listed(
    release: ReleaseRepository, packages: Packages
) -> None:
    for version in ("1.0", "1.1", "1.2"):
        release.publish(packages.make(release.package_format, version))
    assert [holds(release, version) for version in ("1.2", "1.1", "1.0")] == [True, True, False]


def test_a_reader_of_an_older_generation_can_finish(
    release: ReleaseRepository, packages: Packages
) -> None:
    older = []
    for version in ("1.0", "1.1", "1.2", "1.3"):
        release.publish(packages.make(release.package_format, version))
        older.append(published(release))
    for generation in older:
        assert files_of(release, generation)


def test_without_retention_only_the_published_generation_stays(
    release: ReleaseRepository, packages: Packages
) -> None:
    older: set[Path] = set()
    for version in ("1.0", "1.1"):
        release.publish(packages.make(release.package_format, version))
        older |= files_of(release, published(release))
    release.publish(packages.make(release.package_format, "1.2"), retention=0)
    now = files_of(release, published(release))
    assert older - now
    assert not [path for path in older - now if path.exists()]
    assert holds(release, "1.2")


def test_packages_of_one_publish_after_another_are_all_there(
    release: ReleaseRepository, reader: Client, packages: Packages
) -> None:
    for name in ("demo", "libother"):
        release.publish(packages.make(release.package_format, "1.0", name=name))
    reader.update()
    assert [reader.versions(name) for name in ("demo", "libother")] == [{"1.0"}, {"1.0"}]
    assert reader.download("libother")


@pytest.mark.parametrize("lower", ["1.9", "1.10~rc1"])
def test_a_version_that_goes_down_is_refused(
    release: ReleaseRepository, packages: Packages, lower: str
) -> None:
    release.publish(packages.make(release.package_format, "1.10"))
    _is_refused(release, packages.make(release.package_format, lower), lower, "1.10-1", "raise")


def test_a_version_with_other_content_is_refused(
    release: ReleaseRepository, packages: Packages
) -> None:
    release.publish(packages.make(release.package_format, "1.0"))
    other = packages.make(release.package_format, "1.0", text="something else")
    _is_refused(release, other, "1.0-1", "already published with other content", "raise")


def test_a_published_package_may_come_again(
    release: ReleaseRepository, reader: Client, packages: Packages
) -> None:
    folder = packages.make(release.package_format, "1.0")
    release.publish(folder)
    before = files_of(release, published(release))
    (accepted,) = succeeded(release.accepts(folder))["packages"]
    assert accepted["name"] == "demo"
    assert release.publish(folder)["added"] == []
    assert {path for path in before if path.suffix in (".deb", ".rpm")} < files_of(
        release, published(release)
    )
    reader.update()
    assert reader.download("demo") == only_package(folder).read_bytes()


@pytest.mark.parametrize("package_format", ["rpm"])
def test_a_package_signed_anew_leaves_the_published_file_alone(
    release: ReleaseRepository,
    reader: Client,
    packages: Packages,
    foreign_signer: Signer,
    tmp_path: Path,
) -> None:
    first = packages.make("rpm", "1.0")
    again = foreign_signer.rpms(packages.unsigned("rpm", "1.0"), tmp_path / "again")
    assert only_package(again).read_bytes() != only_package(first).read_bytes()
    release.publish(first)
    assert release.publish(again)["added"] == []
    reader.update()
    assert reader.download("demo") == only_package(first).read_bytes()


def test_asking_changes_nothing(release: ReleaseRepository, packages: Packages) -> None:
    release.publish(packages.make(release.package_format, "1.0"))
    before = everything(release.root)
    (accepted,) = succeeded(release.accepts(packages.make(release.package_format, "1.1")))[
        "packages"
    ]
    assert accepted["version"] == "1.1-1"
    assert everything(release.root) == before


def test_a_folder_without_packages_is_refused(release: ReleaseRepository, tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    folder.mkdir()
    assert "holds no" in refused(release.accepts(folder), 2)
    assert "holds no" in refused(program(*release.stage_arguments(folder)), 2)


def test_a_file_that_is_no_package_is_refused(release: ReleaseRepository, tmp_path: Path) -> None:
    folder = tmp_path / "junk"
    folder.mkdir()
    (folder / f"junk.{release.package_format}").write_bytes(b"!<arch>\n no package at all")
    for outcome in (release.accepts(folder), program(*release.stage_arguments(folder))):
        assert outcome.status in (1, 2), outcome.said
        assert "junk" in refused(outcome, outcome.status)


def test_a_stage_that_another_commit_overtook_is_refused(
    release: ReleaseRepository, packages: Packages
) -> None:
    release.publish(packages.make(release.package_format, "1.0"))
    slow = release.stage(packages.make(release.package_format, "1.1"))
    slow_signed = release.sign(slow)
    release.publish(packages.make(release.package_format, "1.2"))
    before = published(release)
    assert "stage again" in refused(release.commit(slow, slow_signed), 75)
    assert published(release) == before
    assert holds(release, "1.2")


def test_a_stage_is_committed_once(release: ReleaseRepository, packages: Packages) -> None:
    staged = release.stage(packages.make(release.package_format, "1.0"))
    signed = release.sign(staged)
    succeeded(release.commit(staged, signed))
    before = published(release)
    again = release.commit(staged, signed)
    assert again.status in (2, 75), again.said
    assert refused(again, again.status)
    assert published(release) == before


@pytest.mark.parametrize("package_format", ["deb"])
@pytest.mark.parametrize(
    ("stage", "status"), [("../.stage", 2), ("a b", 2), ("", 2), ("never-made", 75)]
)
def test_a_stage_that_is_not_there_is_refused(
    release: ReleaseRepository, stage: str, status: int
) -> None:
    refused(program(*release.commit_arguments(stage, release.scratch)), status)
    assert not commit_point(release).exists()


def _is_refused(release: ReleaseRepository, folder: Path, *words: str) -> None:
    before = everything(release.root)
    for outcome in (release.accepts(folder), program(*release.stage_arguments(folder))):
        reason = refused(outcome, 1)
        assert all(word in reason for word in words), reason
    after = everything(release.root)
    assert {path: content for path, content in after.items() if path in before} == before
    assert not [path for path in after.keys() - before.keys() if path.stat().st_size]


def _fetch(reader: Client) -> bytes:
    reader.update()
    return reader.download("demo")
