"""Whether two builds made the same packages, and how a difference is told."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.workers.install_test.served import Deb
from tests.workers.repository.programs import (
    FORMATS,
    Format,
    Packages,
    Signer,
    end_agent,
    program,
    refused,
    succeeded,
)
from workers.build.compare import changed_inputs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.workers.as_user import Worker


@pytest.fixture
def packages(tmp_path: Path) -> Iterator[Packages]:
    """Maker of packages."""
    folder = tmp_path / "made"
    folder.mkdir()
    home = tmp_path / "home"
    yield Packages(folder, Signer.make(home))
    end_agent(home)


def _compared(kind: str, first: Path, again: Path, *more: str) -> list[str | Path]:
    return ["build", "compare", "--format", kind, "--first", first, "--again", again, *more]


def test_the_same_bytes_are_the_same(packages: Packages, tmp_path: Path) -> None:
    first = packages.make("deb", "1.0")
    again = shutil.copytree(first, tmp_path / "again")
    (again / "demo_1.0-1.buildinfo").write_text("made later, elsewhere")
    answer = succeeded(program(*_compared("deb", first, again)))
    assert answer["same"] == [path.name for path in first.iterdir()]


def test_an_rpm_may_have_been_signed_in_between(packages: Packages) -> None:
    first, again = packages.make("rpm", "1.0"), packages.unsigned("rpm", "1.0")
    assert next(first.iterdir()).read_bytes() != next(again.iterdir()).read_bytes()
    assert succeeded(program(*_compared("rpm", first, again)))["same"]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_difference_is_shown_in_words(packages: Packages, worker: Worker, kind: Format) -> None:
    first = worker.tree(packages.unsigned(kind, "1.0", text="one text"))
    again = worker.tree(packages.unsigned(kind, "1.0", text="another text"))
    outcome = worker.program(*_compared(kind, first, again, "--inputs-of-first", '{"root": "x"}'))
    assert outcome.status == 1, outcome.answer
    reason = "is another one when it is built again; its root image changed since"
    assert reason in outcome.answer["reason"]
    assert "-one text" in outcome.answer["detail"]
    assert "+another text" in outcome.answer["detail"]


def test_a_difference_that_cannot_be_shown_is_one_too(packages: Packages) -> None:
    first = packages.unsigned("deb", "1.0", text="one text")
    again = packages.unsigned("deb", "1.0", text="another text")
    # This user has no ids for a sandbox.
    outcome = program(*_compared("deb", first, again))
    assert "is another one" in refused(outcome, 1)
    assert "cannot be shown" in outcome.answer["detail"]


def test_a_package_that_only_one_build_made_is_named(packages: Packages, tmp_path: Path) -> None:
    one = packages.make("deb", "1.0")
    both = shutil.copytree(one, tmp_path / "both")
    Deb("other", "1-1", files={}).make(tmp_path / "scratch", both)
    reasons = [refused(program(*_compared("deb", *each)), 1) for each in ((both, one), (one, both))]
    assert reasons == [
        "other_1-1_all.deb was not made when its inputs were built again",
        "other_1-1_all.deb was made only when the inputs were built again",
    ]


def test_changed_inputs_are_named() -> None:
    first = {"trees": {"source": "1"}, "root": "r", "dependencies": ["a"], "options": {}}
    assert changed_inputs(first, dict(first)) == []
    assert changed_inputs(first, {**first, "dependencies": ["b"], "root": "s"}) == [
        "root image",
        "build dependencies",
    ]
