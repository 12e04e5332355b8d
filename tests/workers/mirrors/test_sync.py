"""Mirrors follow the repository: all of it, nothing else, for what has changed only."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import pytest

from tests.workers.repository.generations import commit_point
from tests.workers.repository.programs import program as run
from tests.workers.repository.programs import refused, succeeded
from workers.files import lock
from workers.mirrors.stage import staged

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.mirrors.conftest import Mirror
    from tests.workers.mirrors.daemon import Daemon
    from tests.workers.repository.programs import Packages, ReleaseRepository


def _publish(mirror: Mirror, packages: Packages, version: str, **more: float) -> None:
    kind = mirror.repository.package_format
    mirror.repository.publish(packages.make(kind, version), **more)


def test_a_first_sync_brings_everything_and_nothing_hidden(
    mirror: Mirror, packages: Packages
) -> None:
    _publish(mirror, packages, "1.0")
    done = mirror.sync()
    assert done["full"]
    assert mirror.is_exact()
    assert not mirror.hidden()
    assert [package["name"] for package in mirror.reported()["added"]] == ["demo"]
    reader = mirror.client()
    reader.update()
    assert reader.download("demo")


def test_what_follows_costs_what_has_changed(mirror: Mirror, packages: Packages) -> None:
    _publish(mirror, packages, "1.0")
    mirror.sync()
    _publish(mirror, packages, "1.1")
    done = mirror.sync()
    assert not done["full"]
    assert done["sessions"] == 2
    assert mirror.is_exact()
    reader = mirror.client()
    reader.update()
    assert reader.versions("demo") == {"1.0", "1.1"}


def test_what_is_up_to_date_costs_nothing(mirror: Mirror, packages: Packages) -> None:
    _publish(mirror, packages, "1.0")
    mirror.sync()
    done = mirror.sync()
    assert (done["sessions"], done["bytes_sent"], done["files_sent"]) == (0, 0, 0)


def test_a_repository_never_published_is_no_fault(mirror: Mirror) -> None:
    assert mirror.sync()["sessions"] == 0


def test_what_has_expired_leaves_the_mirror_too(mirror: Mirror, packages: Packages) -> None:
    kind = mirror.repository.package_format
    for version in ("1.0", "1.1", "1.2"):
        _publish(mirror, packages, version)
    mirror.sync()
    staged = mirror.repository.stage(packages.make(kind, "1.3"))
    signed = mirror.repository.sign(staged)
    commit = mirror.repository.commit_arguments(staged["stage"], signed, retention=0)
    succeeded(run(*commit, "--generations", "2"))
    done = mirror.sync()
    assert not done["full"]
    assert done["sessions"] == 3
    assert done["files_removed"]
    assert mirror.is_exact()
    assert not [folder for folder in mirror.root.rglob("*") if folder.is_dir() and _empty(folder)]


def test_clients_are_told_that_the_next_generation_is_newer(
    mirror: Mirror, packages: Packages
) -> None:
    """They ask for what was modified since, in whole seconds."""
    reader = mirror.client()
    for version in ("1.0", "1.1"):
        _publish(mirror, packages, version)
        mirror.sync()
        own = commit_point(mirror.repository).stat().st_mtime_ns
        assert commit_point(mirror.as_repository()).stat().st_mtime_ns == own
        reader.update()
        assert version in reader.versions("demo")


def test_going_back_reaches_the_mirror(mirror: Mirror, packages: Packages) -> None:
    repository, kind = mirror.repository, mirror.repository.package_format
    first = repository.publish(packages.make(kind, "1.0"))
    _publish(mirror, packages, "1.1")
    mirror.sync()
    staged = succeeded(run(*repository.arguments("rollback", "--to", first["generation"])))
    succeeded(repository.commit(staged, repository.sign(staged)))
    mirror.sync()
    assert mirror.is_exact()
    reader = mirror.client()
    reader.update()
    assert reader.versions("demo") == {"1.0"}


def test_a_generation_can_be_read_on_the_mirror(mirror: Mirror, packages: Packages) -> None:
    first = mirror.repository.publish(packages.make(mirror.repository.package_format, "1.0"))
    _publish(mirror, packages, "1.1")
    mirror.sync()
    stamp, key = first["generation"], mirror.repository.root / "key.asc"
    if mirror.repository.package_format == "deb":
        suite = f"trixie/snapshots/{stamp}"
        reader = mirror.served.client("deb", "mirror", key, suite)
    else:
        reader = mirror.served.client("rpm", f"mirror/snapshots/{stamp}", key)
    reader.update()
    assert reader.versions("demo") == {"1.0"}
    assert reader.download("demo")


def test_a_mirror_somebody_emptied_is_filled_again(mirror: Mirror, packages: Packages) -> None:
    _publish(mirror, packages, "1.0")
    mirror.sync()
    shutil.rmtree(mirror.root)
    assert mirror.sync()["full"]
    assert mirror.is_exact()


def test_a_file_somebody_deleted_comes_back_by_a_full_sync(
    mirror: Mirror, packages: Packages
) -> None:
    _publish(mirror, packages, "1.0")
    mirror.sync()
    next(path for path in mirror.root.rglob("demo*") if path.is_file()).unlink()
    (mirror.root / "stranger").write_text("not ours")
    assert mirror.sync()["sessions"] == 0
    assert mirror.sync("--full")["full"]
    assert mirror.is_exact()


@pytest.mark.parametrize("name", ["demo*.[dr][ep][bm]", "*.gz"])
def test_a_byte_that_rotted_is_mended_by_a_full_sync(
    mirror: Mirror, packages: Packages, name: str
) -> None:
    """Size and time are what they were."""
    _publish(mirror, packages, "1.0")
    mirror.sync()
    # Names of one file are linked.
    found = {path.stat().st_ino: path for path in mirror.root.rglob(name) if path.is_file()}
    for path in found.values():
        content, times = path.read_bytes(), path.stat()
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not mirror.is_exact()
    done = mirror.sync("--full")
    assert done["full"]
    assert mirror.is_exact()


def test_strangers_leave_by_a_full_sync_whatever_they_are_called(
    mirror: Mirror, packages: Packages
) -> None:
    _publish(mirror, packages, "1.0")
    mirror.sync()
    (mirror.root / "folder ").mkdir()
    for name in (" first", "last ", "folder / ", "a\nb", "pool*", "-x"):
        (mirror.root / name).write_text("not ours")
    assert mirror.sync("--full")["files_removed"]
    assert mirror.is_exact()
    assert not (mirror.root / "folder ").exists()


def test_what_changes_within_a_second_and_keeps_its_size_is_brought(
    mirror: Mirror, packages: Packages
) -> None:
    _publish(mirror, packages, "1.0")
    mirror.sync()
    key = mirror.repository.root / "key.asc"
    moment = key.stat().st_mtime_ns + 1
    key.write_bytes(key.read_bytes().swapcase())
    os.utime(key, ns=(moment, moment))
    mirror.sync()
    assert mirror.is_exact()


def test_nothing_is_taken_from_a_publisher_that_is_about_to_commit(
    release: ReleaseRepository, packages: Packages, tmp_path: Path
) -> None:
    """It has changed some of what belongs to the commit point."""
    release.publish(packages.make(release.package_format, "1.0"))
    with staged(release.root, tmp_path / "stage") as stage, ThreadPoolExecutor(1) as threads:
        with lock(release.root / ".lock"):
            offered = threads.submit(stage.offer)
            assert not wait([offered], timeout=0.3).done
        assert offered.result(15).commits


def test_another_folder_of_the_daemon_is_left_alone(mirror: Mirror, packages: Packages) -> None:
    beside = mirror.served.folder / "mirror-of-others"
    beside.mkdir()
    (beside / "file").write_text("theirs")
    _publish(mirror, packages, "1.0")
    mirror.sync()
    assert (beside / "file").read_text() == "theirs"


@pytest.mark.parametrize("package_format", ["deb"])
def test_mirrors_are_followed_apart(mirror: Mirror, packages: Packages) -> None:
    """The memory of one says nothing of another."""
    _publish(mirror, packages, "1.0")
    for name in ("mirror", "mirror-a", "mirror/a"):
        arguments = mirror.arguments(url=f"{mirror.served.url}/{name}")
        to = f"rsync://syncer@127.0.0.1:{mirror.daemon.port}/mirrors/{name}"
        arguments[arguments.index("--to") + 1] = to
        assert succeeded(run(*arguments))["full"]
        assert succeeded(run(*arguments))["sessions"] == 0


@pytest.mark.parametrize("package_format", ["deb"])
def test_two_syncs_at_once_make_one(mirror: Mirror, packages: Packages) -> None:
    _publish(mirror, packages, "1.0")
    both = [mirror.start_sync() for _ in range(2)]
    for process in both:
        process.communicate(timeout=60)
    assert [process.returncode for process in both] == [0, 0]
    assert mirror.is_exact()


@pytest.mark.parametrize("package_format", ["deb"])
class TestRefusals:
    """What goes wrong for good is told at once, and the mirror stays as it was."""

    def test_a_wrong_password(self, mirror: Mirror, packages: Packages, running: Daemon) -> None:
        _publish(mirror, packages, "1.0")
        (running.folder / "password").write_text("guessed")
        outcome = mirror.try_sync()
        assert "auth failed on module mirrors" in refused(outcome, 75)
        assert not mirror.root.exists()

    def test_an_unknown_module(self, mirror: Mirror, packages: Packages) -> None:
        _publish(mirror, packages, "1.0")
        arguments = mirror.arguments()
        to = f"rsync://syncer@127.0.0.1:{mirror.daemon.port}/nothing/mirror"
        arguments[arguments.index("--to") + 1] = to
        assert "Unknown module 'nothing'" in refused(run(*arguments), 75)

    def test_an_address_that_serves_something_else(
        self, mirror: Mirror, packages: Packages
    ) -> None:
        _publish(mirror, packages, "1.0")
        mirror.sync()
        before = mirror.files()["dists/trixie/InRelease"]
        _publish(mirror, packages, "1.1")
        outcome = mirror.try_sync(url=f"{mirror.served.url}/elsewhere")
        assert "/elsewhere/" in refused(outcome, 75)
        assert mirror.files()["dists/trixie/InRelease"] == before

    def test_a_wrong_address(self, release: ReleaseRepository) -> None:
        outcome = run(
            *("mirror", "sync", "--repository", release.root),
            *("--to", "/srv/mirror", "--url", "http://127.0.0.1:9"),
            *("--password-file", release.root / "key.asc"),
        )
        assert "--to is rsync://" in refused(outcome, 2)

    def test_a_repository_that_is_not_there(self, release: ReleaseRepository) -> None:
        outcome = run(
            *("mirror", "sync", "--repository", release.root / "nowhere"),
            *("--to", "rsync://u@127.0.0.1:9/m/p", "--url", "http://127.0.0.1:9"),
            *("--password-file", release.root / "key.asc"),
        )
        assert "there is no repository" in refused(outcome, 2)


def _empty(folder: Path) -> bool:
    return not any(folder.iterdir())
