"""The main job on real parts: what was proposed, approved, merged, published and mirrored."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from debian.deb822 import Packages

from master.demo import layout as where
from master.demo.processes import as_user, environment
from master.demo.programs import ask
from master.demo.watching import Buildbot, standing

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Chain, Story

pytestmark = pytest.mark.timeout(1200)  # the first test waits for the whole story

GOOD = ("Say in the news", "Mention the gate", "Note the gate", "Say what kind")
BAD = ("Forget half", "Print nothing")


def test_the_summary_says_that_every_change_ended_as_it_should(story: Story) -> None:
    assert len(story.tales) == len(GOOD) + len(BAD)
    for title in GOOD:
        assert (story.of(title).end, story.of(title).as_it_should) == ("published", True)
    for title in BAD:
        assert (story.of(title).end, story.of(title).as_it_should) == ("rejected", True)
    assert "all came out as it should" in story.printed


def test_the_summary_shows_why_a_change_that_does_not_compile_was_rejected(story: Story) -> None:
    told = _told(story, "Forget half")
    assert told[0] == "    Check failed."
    assert any(line.startswith("    build-DEB: building ncompress failed: ") for line in told)
    assert any(re.match(r"     compress42\.c:\d+:\d+: error: ", line) for line in told)
    assert any(re.match(r"    Log: http://.*/#/builders/\d+/builds/\d+$", line) for line in told)


def test_the_summary_shows_why_a_change_that_does_not_work_was_rejected(story: Story) -> None:
    told = _told(story, "Print nothing")
    assert any(line.startswith("    install-test: tree: smoke: ") for line in told)


def test_two_clients_prove_the_end(story: Story) -> None:
    apt = re.search(r"^apt-get installed from (\S+), .*:\n(  .*\n)+", story.printed, re.MULTILINE)
    assert apt is not None
    assert apt[1].endswith("/near/main/deb")
    assert "  hello 2.10-3.1\n  ncompress 4.2.4.6-6.1\n" in apt[0]
    dnf = re.search(r"^dnf installed from (\S+), .*:\n  tree (\S+)", story.printed, re.MULTILINE)
    assert dnf is not None
    assert dnf[1].endswith("/far/main/rpm")
    assert dnf[2].startswith("2.1.0-")


def test_the_summary_says_where_the_time_went(story: Story) -> None:
    for part in ("Gerrit", "root image deb-build", "Buildbot master", "workers"):
        assert re.search(rf"^│ {part} +│ +[0-9.]+ s │", story.printed, re.MULTILINE), part


def test_each_change_is_followed_by_plain_lines_without_a_terminal(story: Story) -> None:
    number = story.of("Say in the news").number
    stages = re.findall(rf"^\[ *\d+ s\] {number} hello: [^:]+: (.+)$", story.printed, re.MULTILINE)
    assert stages[0] == "waiting for check"
    assert "approved" in stages
    assert stages[-1] == "published"
    assert "\x1b" not in story.printed


@pytest.mark.parametrize("title", GOOD)
def test_a_good_change_is_merged_with_the_gates_vote(
    chain: Chain, story: Story, title: str
) -> None:
    now = standing(chain.ready.maintainer, story.of(title).number)
    assert (now.status, now.verified) == ("MERGED", 2)


@pytest.mark.parametrize("title", BAD)
def test_a_bad_change_is_rejected_and_stays_open(chain: Chain, story: Story, title: str) -> None:
    now = standing(chain.ready.maintainer, story.of(title).number)
    assert (now.status, now.verified) == ("NEW", -1)


def test_a_rejection_shows_the_compilers_words_and_links_the_log(
    chain: Chain, story: Story
) -> None:
    said = "\n".join(standing(chain.ready.maintainer, story.of("Forget half").number).messages)
    assert "compress42.c" in said
    assert "error:" in said
    assert f"{chain.ready.web}/#/builders/" in said


def test_a_failed_smoke_test_names_package_and_stage(chain: Chain, story: Story) -> None:
    said = "\n".join(standing(chain.ready.maintainer, story.of("Print nothing").number).messages)
    assert "tree" in said
    assert "smoke" in said
    assert f"{chain.ready.repositories}/test/" in said


def test_the_branches_hold_the_merged_changes(chain: Chain, story: Story, tmp_path: Path) -> None:
    author = chain.ready.maintainer
    assert "Shipped through a gate." in author.read("hello", "NEWS", tmp_path)
    assert "Shipped through a gate." in author.read("ncompress", "README.md", tmp_path)
    assert "a tree of names" in author.read("tree-packaging", "tree.spec", tmp_path)
    assert "half_a_function" not in author.read("ncompress", "compress42.c", tmp_path)


def test_the_gates_packages_are_published_not_built_again(chain: Chain, story: Story) -> None:
    buildbot = Buildbot(chain.ready.web)
    for title in GOOD:
        builds = [b.builder for b in buildbot.builds_of(story.of(title).number)]
        # One build for check, one for the gate (more if the gate was reset), none for publish.
        publish = next(i for i, name in enumerate(builds) if name.startswith("publish/"))
        assert not [name for name in builds[:publish] if name.startswith("build/")]


@pytest.mark.parametrize("mirror", where.MIRRORS)
def test_what_was_synchronised_is_listed(chain: Chain, story: Story, mirror: str) -> None:
    artifacts = f"{chain.ready.repositories}/artifacts"
    listed = {
        package["name"]
        for kind in ("deb", "rpm")
        for build in chain.builds(f"sync/main/{kind}/{mirror}")
        if build["properties"].get("sync", [{}])[0].get("packages_added")
        for package in requests.get(
            f"{artifacts}/sync-main-{kind}-{mirror}-{build['number']}/sync.json", timeout=30
        ).json()["added"]
    }
    assert listed >= {"hello", "ncompress", "tree"}


def test_the_deb_repository_is_signed_and_holds_the_new_versions(
    chain: Chain, story: Story, tmp_path: Path
) -> None:
    base = f"{chain.ready.repositories}/release/main/deb/dists/{where.CODENAME}"
    inrelease = tmp_path / "InRelease"
    inrelease.write_bytes(requests.get(f"{base}/InRelease", timeout=30).content)
    keyring = tmp_path / "keyring.gpg"
    key = chain.layout.keys / "deb.asc"
    subprocess.run(["gpg", "--dearmor", "--output", keyring, key], check=True)
    subprocess.run(["gpgv", "--keyring", keyring, inrelease], check=True)
    listed = requests.get(f"{base}/main/binary-amd64/Packages.gz", timeout=30)
    text = gzip.decompress(listed.content).decode()
    versions = {p["Package"]: p["Version"] for p in Packages.iter_paragraphs(text.splitlines())}
    assert versions["hello"] == "2.10-3.1"
    assert versions["ncompress"] == "4.2.4.6-6.1"


@pytest.mark.parametrize(
    ("kind", "image", "packages"),
    [("deb", "deb-install", ("hello", "ncompress")), ("rpm", "rpm-install", ("tree",))],
)
@pytest.mark.parametrize("mirror", where.MIRRORS)
def test_a_clean_root_installs_from_each_mirror_with_signatures_checked(
    chain: Chain, story: Story, kind: str, image: str, packages: tuple[str, ...], mirror: str
) -> None:
    roots = chain.layout.roots(where.TESTER)
    made = ask(where.TESTER, roots, ["root", "make", "--kind", image, "--cache", roots])
    url = f"{chain.ready.mirrors[mirror]}/main/{kind}"
    key = chain.layout.keys / f"{kind}.asc"
    command = [sys.executable, "-m", "master.demo.client", kind, url, key, made["root"], *packages]
    result = subprocess.run(
        as_user(where.TESTER, command),
        cwd=roots,
        env=environment(roots),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    assert [line.split()[0] for line in result.stdout.splitlines()] == list(packages)


def test_no_client_ever_saw_an_error(story: Story) -> None:
    for client in story.clients:
        assert not client.failures, client.failures[0]
        assert client.rounds >= 5, f"{client.url} was hardly read"


@pytest.mark.parametrize(
    ("method", "place"),
    [
        ("force", "forceschedulers/force-check-main-hello"),
        ("rebuild", "builds/1"),
        ("stop", "builds/1"),
    ],
)
def test_nobody_acts_without_a_login(chain: Chain, story: Story, method: str, place: str) -> None:
    call: dict[str, Any] = {"id": 1, "jsonrpc": "2.0", "method": method, "params": {}}
    answer = requests.post(f"{chain.ready.web}/api/v2/{place}", json=call, timeout=30)
    assert answer.status_code == requests.codes.forbidden


def test_the_gate_does_not_build_again_what_check_built(chain: Chain, story: Story) -> None:
    number = story.of("Say in the news").number
    of_check, *of_gate = [
        build["properties"]
        for build in chain.builds("build/main/hello")
        if build["properties"].get("change", [None])[0] == number
    ]
    assert "artifacts" not in of_check["built"][0]
    assert of_gate
    for build in of_gate:
        assert build["artifacts"][0]["url"] == of_check["artifacts"][0]["url"]


@pytest.mark.parametrize("user", sorted({*where.USERS} - {where.SIGNER}))
def test_no_other_user_can_look_at_the_signers_keys(chain: Chain, user: str) -> None:
    home = chain.layout.signing_home("signer-1")
    looking = as_user(user, ["ls", str(home)])
    result = subprocess.run(
        looking, cwd="/", env=environment(Path("/")), capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert "Permission denied" in result.stderr


def _told(story: Story, title: str) -> list[str]:
    """What the summary shows of a rejection."""
    tale = story.of(title)
    heading = f"\n{tale.number} {tale.project}: {tale.title}\n  was told in Gerrit:\n"
    _, found, rest = story.printed.partition(heading)
    assert found, story.printed[-4000:]
    lines = rest.splitlines()
    end = next(n for n, line in enumerate(lines) if not line.startswith("    "))
    return lines[:end]
