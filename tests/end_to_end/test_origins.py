"""Each published file can be traced to who proposed and approved it, and what tested it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from master.cli import main
from master.demo import layout as where

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.conftest import Chain, Story

pytestmark = pytest.mark.timeout(1200)  # the first test may wait for the whole story


@pytest.mark.parametrize("kind", ["deb", "rpm"])
def test_repository_and_mirrors_hold(chain: Chain, story: Story, kind: str) -> None:
    key = chain.layout.keys / f"{kind}.asc"
    folder = chain.layout.served / "release" / where.RELEASE / kind
    urls = [f"{url}/{where.RELEASE}/{kind}" for url in chain.ready.mirrors.values()]
    codename = ("--codename", "bookworm") if kind == "deb" else ()
    for repository in (str(folder), *urls):
        told = _lockgate("audit", repository, "--key", key, "--release", where.RELEASE, *codename)
        files, records = told[-1].split(" files, ")
        assert int(files) >= 1
        assert records.endswith(", 0 findings")


@pytest.mark.parametrize(("kind", "package"), [("deb", "hello"), ("rpm", "tree")])
def test_the_story_of_a_package_is_whole(
    chain: Chain, story: Story, kind: str, package: str
) -> None:
    key = chain.layout.keys / f"{kind}.asc"
    told = "\n".join(_lockgate("why", package, "--site", chain.layout.site_file, "--key", key))
    jobs = ("check", "gate", "build", "test-repository", "lint", "install-test")
    for job in jobs:
        assert f"success    {job}/main/{package}, " in told
    assert "proposed   as change " in told
    assert "vote       Code-Review +2 by " in told
    assert ", as it was tested" in told
    assert f"by         publish/main/{package}, " in told


def _lockgate(*arguments: str | Path) -> list[str]:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output.splitlines()
