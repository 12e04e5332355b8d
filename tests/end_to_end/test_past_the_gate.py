"""Somebody pushes to the branch itself: it is built from what is there, and published."""

from __future__ import annotations

import gzip
import re
from functools import partial
from typing import TYPE_CHECKING

import pytest
import requests

from master.demo.processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.conftest import Chain, Story

pytestmark = pytest.mark.timeout(1200)  # the first test may wait for the whole story
_SECONDS = 120


def test_a_direct_push_is_built_and_published(chain: Chain, story: Story, tmp_path: Path) -> None:
    before = _newest(f"{chain.ready.repositories}/release/main/rpm")
    administrator = chain.ready.administrator
    text = administrator.read("tree", "README", tmp_path)
    administrator.push("tree", "Mend a word", {"README": f"{text}\nMended.\n"}, tmp_path)
    mirrors = [f"{mirror}/main/rpm" for mirror in chain.ready.mirrors.values()]
    for url in (f"{chain.ready.repositories}/release/main/rpm", *mirrors):
        wait_until(partial(_has, url, before + 1), _SECONDS)


def _has(repository: str, commits: int) -> bool:
    return _newest(repository) == commits


def _newest(repository: str) -> int:
    """The number of commits that the newest published release of tree was built from."""
    repomd = requests.get(f"{repository}/repodata/repomd.xml", timeout=30)
    (primary,) = re.findall(r'href="(repodata/[0-9a-f]+-primary\.xml\.gz)"', repomd.text)
    packages = gzip.decompress(requests.get(f"{repository}/{primary}", timeout=30).content)
    return max(int(number) for number in re.findall(r'rel="[^"]*\.lg([0-9]+)"', packages.decode()))
