"""A build of inputs that were built before is found, and of no others."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.workers.build.repositories import repository, served
from workers.build.inputs import Inputs
from workers.build.store import find
from workers.files import sha256

if TYPE_CHECKING:
    from tests.workers.as_user import Worker

_CHECKOUT = Path(__file__).parents[3]
_GREET = Path(__file__).parents[2] / "fixtures" / "packages" / "greet"


def _build(worker: Worker, tree: Path, *options: str | Path) -> tuple[dict[str, Any], Path]:
    out = worker.folder("out")
    outcome = worker.program(
        *("build", "deb", "--source", tree, "--out", out, "--roots", worker.roots, *options)
    )
    assert outcome.status == 0, outcome.answer
    return outcome.answer, out


def _keep(store: Path, url: str, built: dict[str, Any]) -> None:
    artifacts = {"url": url, "files": built["files"]}
    entry = json.dumps({"built": built, "artifacts": artifacts})
    (store / f"{built['inputs']['key']}.json").write_text(entry)


@pytest.mark.usefixtures("deb_build_root")
def test_what_was_built_is_not_built_again(worker: Worker) -> None:
    store = worker.folder("store")
    with served(store) as url:
        tree = worker.tree(_GREET)
        first, results = _build(worker, tree, "--store", url)
        assert "artifacts" not in first
        for file in results.iterdir():
            (store / file.name).write_bytes(file.read_bytes())
        _keep(store, url, first)
        second, out = _build(worker, tree, "--store", url)
        assert second["artifacts"] == {"url": url, "files": first["files"]}
        assert second["packages"] == first["packages"]
        assert not list(out.glob("*.deb"))
        (tree / "debian/rules").chmod(0o644)  # git knows of this much of a file's mode
        changed, out = _build(worker, tree, "--store", url)
        assert "artifacts" not in changed
        assert list(out.glob("*.deb"))


@pytest.mark.usefixtures("deb_build_root")
def test_a_dependency_with_other_content_makes_another_build(worker: Worker) -> None:
    keys = set()
    for words in ("Good day.", "Good evening."):
        dependency = worker.tree(_GREET)
        source = dependency / "greet.c"
        source.write_text(source.read_text().replace("Good day.", words))
        built, out = _build(worker, dependency)
        (package,) = [x for x in built["packages"] if x["name"] == "greet"]
        folder, home = worker.folder("repository"), worker.folder("key") / "home"
        ahead = repository("deb", folder, out, [package], home)
        tree = worker.tree(_GREET)
        control = tree / "debian/control"
        control.write_text(control.read_text().replace("(= 13)", "(= 13), greet", 1))
        with served(folder) as url:
            answer, _ = _build(worker, tree, "--served", url, "--ahead", ahead)
        assert any(line.endswith(package["file"]) for line in answer["inputs"]["dependencies"])
        keys.add(answer["inputs"]["key"])
    assert len(keys) == 2


def test_an_entry_of_a_lost_or_damaged_file_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "a.deb"
    file.write_bytes(b"a")
    built = {"files": {"a.deb": sha256(file)}, "inputs": {"key": "k"}}
    with served(tmp_path) as url:
        _keep(tmp_path, url, built)
        kept = find(url, "k")
        assert kept is not None
        assert kept.built == built
        file.write_bytes(b"b")
        assert find(url, "k") is None
        file.unlink()
        assert find(url, "k") is None


@pytest.mark.parametrize("content", ["", "[]", '{"built": {}}'])
def test_a_damaged_entry_is_not_used(tmp_path: Path, content: str) -> None:
    (tmp_path / "k.json").write_text(content)
    with served(tmp_path) as url:
        assert find(url, "k") is None


def test_a_store_that_does_not_answer_holds_nobody_up(tmp_path: Path) -> None:
    with served(tmp_path) as url:
        pass
    assert find(url, "k") is None


def test_every_input_counts() -> None:
    inputs = Inputs("deb", {"source": "1"}, "root", ("a",), {"spec": "x"})
    others = [
        Inputs("rpm", {"source": "1"}, "root", ("a",), {"spec": "x"}),
        Inputs("deb", {"source": "2"}, "root", ("a",), {"spec": "x"}),
        Inputs("deb", {"packaging": "1"}, "root", ("a",), {"spec": "x"}),
        Inputs("deb", {"source": "1"}, "other", ("a",), {"spec": "x"}),
        Inputs("deb", {"source": "1"}, "root", ("b",), {"spec": "x"}),
        Inputs("deb", {"source": "1"}, "root", ("a",), {"spec": "y"}),
    ]
    assert len({inputs.key, *(other.key for other in others)}) == len(others) + 1
    assert inputs.key == Inputs("deb", {"source": "1"}, "root", ("a",), {"spec": "x"}).key


@pytest.mark.parametrize("program", ["build/executors/mock", "clients/apt", "sandbox/sandbox"])
def test_the_programs_that_make_a_build_count(tmp_path: Path, program: str) -> None:
    shutil.copytree(_CHECKOUT / "workers", tmp_path / "workers")
    ask = "from workers.build.inputs import Inputs; print(Inputs('deb', {}, 'root').key)"

    def key() -> str:
        command = [sys.executable, "-c", ask]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout

    before = key()
    assert key() == before
    with (tmp_path / "workers" / f"{program}.py").open("a") as file:
        file.write("# changed\n")
    assert key() != before
