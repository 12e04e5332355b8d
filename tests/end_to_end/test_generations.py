"""Generations of a release repository: kept fresh, gone back to, signed."""

from __future__ import annotations

import gzip
import re
import subprocess
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest
import requests
from click.testing import CliRunner

from master.cli import main
from master.commands.web import Web
from master.demo import layout as where
from master.demo.processes import wait_until
from master.site import load_site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.conftest import Chain, Story

pytestmark = pytest.mark.timeout(1200)  # the first test may wait for the whole story
_SECONDS = 120


def test_a_refresh_makes_the_repository_young_again(chain: Chain, story: Story) -> None:
    before = _generations(chain, "deb")
    _web(chain).force("force-refresh-main-deb", reason="test")
    wait_until(lambda: len(_generations(chain, "deb")) > len(before), _SECONDS)
    newest = _generations(chain, "deb")[0]
    assert newest.endswith("  refresh: 0 files added, 0 removed")
    stamp = newest.split()[0]
    for url in _addresses(chain, "deb"):
        wait_until(partial(_has, f"{url}/dists/bookworm/InRelease", stamp), _SECONDS)
    text = _get(f"{_addresses(chain, 'deb')[0]}/dists/bookworm/InRelease")
    dates = dict(re.findall(r"^(Date|Valid-Until): (.*)$", text, re.MULTILINE))
    lasts = parsedate_to_datetime(dates["Valid-Until"]) - parsedate_to_datetime(dates["Date"])
    assert lasts.days == load_site(chain.layout.site_file).repositories.valid_days


@pytest.mark.parametrize("kind", ["deb", "rpm"])
def test_going_back_is_one_command_and_reaches_the_mirrors(
    chain: Chain, story: Story, kind: str
) -> None:
    present, *_, oldest = (line.split()[0] for line in _generations(chain, kind))
    held = _listed(_addresses(chain, kind)[0], kind)
    told = _lockgate(chain, "rollback", kind, oldest)
    made = _generations(chain, kind)[0]
    assert f"rollback to {oldest}" in made
    assert f"published generation {made.split()[0]}, which lists what {oldest} listed\n" in told
    for mirror in where.MIRRORS:
        assert f"mirror {mirror} serves it\n" in told
    for url in _addresses(chain, kind):
        assert _listed(url, kind) != held
        assert _listed(url, kind) == _listed(url, kind, oldest)
    _lockgate(chain, "rollback", kind, present)
    for url in _addresses(chain, kind):
        assert _listed(url, kind) == held


def test_an_unknown_generation_is_refused_before_anything_starts(
    chain: Chain, story: Story
) -> None:
    arguments = ["rollback", "main", "deb", "20010101T000000.000000Z"]
    result = CliRunner().invoke(main, [*arguments, "--site", str(chain.layout.site_file)])
    assert result.exit_code == 1
    assert "is not kept; see lockgate generations" in result.output


def test_metadata_has_detached_signatures_too(chain: Chain, story: Story, tmp_path: Path) -> None:
    pairs = {"deb": ("dists/bookworm/Release", "gpg"), "rpm": ("repodata/repomd.xml", "asc")}
    for kind, (path, ending) in pairs.items():
        keyring = tmp_path / f"{kind}.gpg"
        key = chain.layout.keys / f"{kind}.asc"
        subprocess.run(["gpg", "--dearmor", "--output", keyring, key], check=True)
        for url in _addresses(chain, kind):
            text, signature = tmp_path / "text", tmp_path / "signature"
            text.write_text(_get(f"{url}/{path}"))
            signature.write_text(_get(f"{url}/{path}.{ending}"))
            subprocess.run(["gpgv", "--keyring", keyring, signature, text], check=True)


def _web(chain: Chain) -> Web:
    return Web(load_site(chain.layout.site_file))


def _lockgate(chain: Chain, command: str, kind: str, *more: str) -> str:
    site = ("--site", str(chain.layout.site_file))
    result = CliRunner().invoke(main, [command, where.RELEASE, kind, *more, *site])
    assert result.exit_code == 0, result.output
    return result.output


def _generations(chain: Chain, kind: str) -> list[str]:
    return _lockgate(chain, "generations", kind).splitlines()


def _addresses(chain: Chain, kind: str) -> list[str]:
    repository = f"{chain.ready.repositories}/release"
    return [f"{base}/main/{kind}" for base in (repository, *chain.ready.mirrors.values())]


def _get(url: str) -> str:
    answer = requests.get(url, timeout=30)
    answer.raise_for_status()
    return answer.text


def _has(url: str, text: str) -> bool:
    return text in _get(url)


def _listed(url: str, kind: str, generation: str | None = None) -> set[str]:
    """What is published, or was in a generation that is kept."""
    snapshot = "" if generation is None else f"/snapshots/{generation}"
    if kind == "deb":
        url += f"/dists/bookworm{snapshot}"
        index = r"^ ([0-9a-f]{64}) +\d+ main/binary-amd64/Packages\.gz$"
        (digest,) = re.findall(index, _get(f"{url}/InRelease"), re.MULTILINE)
        path, files = f"main/binary-amd64/by-hash/SHA256/{digest}", r"Filename: (\S+)"
    else:
        url += snapshot
        repomd = _get(f"{url}/repodata/repomd.xml")
        (path,) = re.findall(r'href="(repodata/[0-9a-f]+-primary\.xml\.gz)"', repomd)
        files = r'<location href="([^"]+)"'
    content = requests.get(f"{url}/{path}", timeout=30).content
    return set(re.findall(files, gzip.decompress(content).decode()))
