"""The story of a package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.workers.provenance.conftest import run
from workers.provenance.apt_chain import AptChain
from workers.provenance.rpm_chain import RpmChain
from workers.provenance.search import newest
from workers.repository.package import Published

if TYPE_CHECKING:
    from tests.workers.provenance.conftest import Audited
    from tests.workers.repository.web import Served


def test_it_tells_the_whole_way(audited: Audited, served: Served) -> None:
    url = f"{served.url}/release"
    status, lines = run(
        "why", "demo", "--repository", url, "--key", audited.key, *audited.by_address
    )
    assert status == 0
    told = "\n".join(lines)
    for part in (
        "demo 1.1-1",
        "as change 12, patch set 3: https://gerrit.example.org/12",
        "Code-Review +2 by Ann Author",
        f"demo {'4' * 40}, as it was tested",
        "git+https://gerrit.example.org/demo@refs/heads/main",
        f"commit {'2' * 40}, tree {'3' * 40}",
        "1 packages installed as build dependencies",
        "gate/main/demo, 2026-01-02T03:04:05Z: https://gate.example.org/#/builders/1/builds/2",
        f"by a key in {audited.key}",
    ):
        assert part in told


def test_an_older_version_without_a_key(audited: Audited) -> None:
    status, lines = run("why", "demo", "--repository", audited.root, "--version", "1.0-1")
    assert status == 0
    assert lines[0].startswith("demo 1.0-1 ")
    assert lines[-1].endswith("not verified: no --key")


@pytest.mark.parametrize("package_format", ["deb"])
def test_what_is_not_there_is_told(audited: Audited) -> None:
    status, (told,) = run("why", "demo", "--repository", audited.root, "--version", "9")
    assert status == 1
    assert told.endswith("; there is 1.0-1, 1.1-1")
    audited.record("1.1").unlink()
    status, (told,) = run("why", "demo", "--repository", audited.root)
    assert status == 1
    assert "there is no provenance/pool/main/d/demo/" in told


@pytest.mark.parametrize("key", [True, False])
def test_the_story_of_another_file_is_not_told(audited: Audited, key: bool) -> None:  # noqa: FBT001
    audited.record("1.1").unlink()
    audited.record("1.1").hardlink_to(audited.record("1.0"))
    trusted = ("--key", audited.key) if key else ()
    status, (told,) = run("why", "demo", "--repository", audited.root, *trusted)
    assert status == 1
    assert told.endswith("it says nothing of this file")


def test_what_is_wrong_elsewhere_is_left_to_audits(audited: Audited) -> None:
    audited.record("1.0").unlink()
    audited.package("1.0").write_bytes(b"changed")
    for path in audited.snapshot(audited.stamps[1]).parent.rglob("*"):
        if path.is_file():
            path.unlink()
    ask = ("why", "demo", "--repository", audited.root, "--key", audited.key)
    status, lines = run(*ask)
    assert status == 0
    assert lines[0].startswith("demo 1.1-1 ")
    status, (told,) = run(*ask, "--version", "1.0-1")
    assert status == 1
    assert "there is no provenance/" in told
    # Where it is not found that may be why.
    status, (told,) = run(*ask, "--version", "0.9-1")
    assert status == 1
    assert "nobody has published demo 0.9-1; there is 1.0-1, 1.1-1; " in told
    assert f"{audited.snapshot(audited.stamps[1]).relative_to(audited.root)}: it is not" in told


@pytest.mark.parametrize("package_format", ["deb"])
def test_what_never_merged_is_told(audited: Audited) -> None:
    def change(statement: dict[str, Any]) -> None:
        external = statement["predicate"]["buildDefinition"]["externalParameters"]
        del external["merged"]
        external["change"]["url"] = "https://x/\x1b[2J\nsigned by all"

    audited.sign_record("1.1", change)
    status, lines = run("why", "demo", "--repository", audited.root, "--key", audited.key)
    assert status == 0
    assert any(line.startswith("  merged     never: ") for line in lines)
    assert any(line.endswith("https://x/\\x1b[2J\\nsigned by all") for line in lines)


def test_the_newest_is_found() -> None:
    def of(version: str, architecture: str) -> Published:
        return Published("demo", version, architecture, f"{version}{architecture}", "0" * 64)

    listed = [of("1.10-1", "all"), of("2.0-1", "source"), of("1.9-1", "all")]
    assert newest(AptChain("trixie"), listed) == listed[0]
    assert newest(RpmChain(), [of("1.9-1", "src"), of("1.10-1", "src")]).version == "1.10-1"
