"""All revisions of an upstream version share one archive, whatever they change."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.workers.build.repositories import repository
from tests.workers.repository.programs import Signer, end_agent
from workers.build.deb_upstream import Entry, untellable

if TYPE_CHECKING:
    from tests.packages.chain import Chain, Published
    from tests.workers.as_user import Outcome, Worker

_GREET = Path(__file__).parents[2] / "fixtures" / "packages" / "greet"
_ARCHIVE = "greet_1.0.orig.tar.gz"
_ENTRY = """\
greet ({version}) unstable; urgency=medium

  * Another one.

 -- Test Maintainer <maintainer@example.org>  Fri, 02 Feb 2024 10:00:00 +0000

"""


@pytest.fixture(scope="module", autouse=True)
def first(worker: Worker, chain: Chain) -> Published:
    """Version 1.0-2 of greet, with a link and a binary file, built and published."""
    return chain.publish(*chain.build("--source", _tree(worker)))


def _tree(worker: Worker, version: str | None = None) -> Path:
    tree = worker.tree(_GREET)
    (tree / "picture").write_bytes(b"\x00\x01")
    (tree / "empty").touch()
    (tree / "old words").write_text("to be removed\n")
    (tree / "link").symlink_to("picture")
    if version is not None:
        changelog = tree / "debian/changelog"
        changelog.write_text(_ENTRY.format(version=version) + changelog.read_text())
    return tree


def _edit(tree: Path) -> None:
    """Change upstream files in every way that a patch can tell of."""
    source = tree / "greet.c"
    source.write_text(source.read_text().replace("Good day.", "Good night."))
    (tree / "old words").unlink()
    (tree / "doc").mkdir()
    (tree / "doc/new words").write_text("without an end of line")
    (tree / ".gitignore").write_text("greet\n")
    # Trees may ask for this, but then the source package would be another one.
    (tree / "debian/source/options").write_text('extend-diff-ignore = "greet"\n')


def _refused(chain: Chain, tree: Path) -> Outcome:
    worker = chain.worker
    return worker.program(
        *("build", "deb", "--source", tree, "--out", worker.folder("out")),
        *("--roots", worker.roots, "--served", chain.url),
        *("--repository", chain.release_description),
    )


def test_an_upstream_edit_can_be_published(worker: Worker, chain: Chain, tmp_path: Path) -> None:
    tree = _tree(worker, "1.0-3")
    _edit(tree)
    _, out = chain.build("--source", tree)
    published = chain.release.root / "pool/main/g/greet" / _ARCHIVE
    assert (out / _ARCHIVE).read_bytes() == published.read_bytes()
    assert chain.release.accepts(out).status == 0
    chain.release.publish(out)
    unpacked = tmp_path / "unpacked"
    (dsc,) = out.glob("*.dsc")
    subprocess.run(["dpkg-source", "--extract", dsc, unpacked], check=True, capture_output=True)
    patch = (unpacked / "debian/patches/debian-changes").read_text()
    assert "+\tputs" in patch
    for made in (".pc", "debian/patches"):
        shutil.rmtree(unpacked / made)
    differences = subprocess.run(
        ["diff", "--recursive", "--no-dereference", tree, unpacked],
        capture_output=True,
        text=True,
        check=False,
    )
    assert differences.stdout == ""


def test_the_key_tells_of_the_archive_and_not_where_it_is_from(
    worker: Worker, chain: Chain, first: Published
) -> None:
    found, _ = chain.build("--source", _tree(worker))
    assert found["inputs"]["options"] == {"upstream_archive": found["files"][_ARCHIVE]}
    assert found["inputs"]["key"] == first.answer["inputs"]["key"]


def test_the_nearest_change_ahead_has_the_archive(
    worker: Worker, chain: Chain, served_at: tuple[Path, str], tmp_path: Path
) -> None:
    ahead = []
    for words in ("nearest", "farther"):
        tree = _tree(worker)
        (tree / "words").write_text(words)
        out = worker.folder("out")
        outcome = worker.program(
            *("build", "deb", "--source", tree, "--out", out, "--roots", worker.roots)
        )
        assert outcome.status == 0, outcome.answer
        files = [{"file": name} for name in outcome.answer["files"]]
        root = served_at[0] / words
        root.mkdir()
        home = tmp_path / words / "home"
        offered = repository("deb", root, out, files, home)
        ahead.append((offered.replace('"test/', f'"{words}/test/'), outcome.answer))
    tree = _tree(worker, "1.0-4")
    answer, _ = chain.build("--source", tree, "--ahead", ahead[0][0], "--ahead", ahead[1][0])
    assert answer["files"][_ARCHIVE] == ahead[0][1]["files"][_ARCHIVE]
    assert answer["files"][_ARCHIVE] != ahead[1][1]["files"][_ARCHIVE]


def test_what_no_patch_can_tell_needs_a_new_upstream_version(worker: Worker, chain: Chain) -> None:
    reasons = {"picture": "a binary file that was changed", "link": "the symbolic link 'link'"}
    for name, words in reasons.items():
        tree = _tree(worker, "1.0-5")
        (tree / name).unlink()
        (tree / name).write_bytes(b"\x00\x02")
        outcome = _refused(chain, tree)
        assert outcome.status == 1, outcome.answer
        assert outcome.answer["reason"] == (
            f"{_ARCHIVE} is in the repositories already and no patch beside it can tell of "
            f"{words}: raise the upstream version in debian/changelog"
        )
    changelog = tree / "debian/changelog"
    changelog.write_text(changelog.read_text().replace("(1.0-5)", "(1.1-1)"))
    answer, _ = chain.build("--source", tree)
    assert "greet_1.1.orig.tar.gz" in answer["files"]


def test_another_archive_than_the_listed_one_is_not_used(worker: Worker, chain: Chain) -> None:
    published = chain.release.root / "pool/main/g/greet" / _ARCHIVE
    content = published.read_bytes()
    published.write_bytes(content + b"more")
    try:
        outcome = _refused(chain, _tree(worker, "1.0-6"))
    finally:
        published.write_bytes(content)
    assert outcome.answer["outcome"] == "infrastructure"
    assert f"{_ARCHIVE} has SHA-256" in outcome.answer["reason"]


def test_an_index_signed_by_somebody_else_is_not_believed(
    worker: Worker, chain: Chain, tmp_path: Path
) -> None:
    stranger = tmp_path / "home"
    key = Signer.make(stranger).public_keys["deb"]
    end_agent(stranger)
    own = chain.key.read_text()
    chain.key.write_text(key)
    try:
        tree = _tree(worker, "1.0-6")
        description = chain.release_description.replace(
            chain.release_description.partition('"fingerprints": ')[2], "[]}"
        )
        outcome = worker.program(
            *("build", "deb", "--source", tree, "--out", worker.folder("out")),
            *("--roots", worker.roots, "--served", chain.url, "--repository", description),
        )
    finally:
        chain.key.write_text(own)
    assert outcome.answer["outcome"] == "infrastructure"
    assert "InRelease is not what the repository's key signed" in outcome.answer["reason"]


def _file(*, executable: bool = False, empty: bool = False) -> Entry:
    return Entry("f", executable=executable, empty=empty, target="")


def _link(target: str) -> Entry:
    return Entry("l", executable=True, empty=False, target=target)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (_file(), _file(), []),
        (None, _file(), []),
        (_file(), None, []),
        (_file(empty=True), _file(), []),
        (None, _file(executable=True), ["the mode of the file 'x'"]),
        (_file(executable=True), _file(), ["the mode of the file 'x'"]),
        (_file(executable=True), None, []),
        (None, _file(empty=True), ["the empty file 'x'"]),
        (_file(), _file(empty=True), ["the empty file 'x'"]),
        (_file(empty=True), None, ["the removal of the empty file 'x'"]),
        (_link("a"), None, ["the symbolic link 'x'"]),
        (_link("a"), _file(), ["the symbolic link 'x'"]),
        (_link("a"), _link("b"), ["the symbolic link 'x'"]),
        (_link("a"), _link("a"), []),
    ],
)
def test_what_a_patch_cannot_tell(
    before: Entry | None, after: Entry | None, told: list[str]
) -> None:
    one = {} if before is None else {"x": before}
    other = {} if after is None else {"x": after}
    assert untellable(one, other) == told
