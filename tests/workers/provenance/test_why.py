"""The story of a package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.workers.provenance.conftest import run

if TYPE_CHECKING:
    from tests.workers.provenance.conftest import Audited
    from tests.workers.repository.web import Served


def test_it_tells_the_whole_way(audited: Audited, served: Served) -> None:
    url = f"{served.url}/release"
    status, lines = run(
        "why", "demo", "--repository", url, "--key", audited.key, "--codename", "trixie"
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
