"""The folders import each other as docs/explanation/shape-of-the-code.md says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

_TOP = Path(__file__).parents[1]
_FOLDERS = ("schedulers", "steps", "workers", "master")
# What a folder may import of the others: whole folders, or single modules of them.
_ALLOWED = {
    "schedulers": (),
    "steps": ("workers.names", "workers.outcome", "workers.clients.repository.Format"),
    "workers": (),
    "master": ("schedulers", "steps", "workers"),
}


def _imported(file: Path) -> set[str]:
    """Every module that a file imports, wherever in it, also for types only."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are written in full"
            # Of `from steps import record` as of `from steps.record import RECORD`.
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("folder", _FOLDERS)
def test_a_folder_imports_what_it_may(folder: str) -> None:
    others = tuple(other for other in _FOLDERS if other != folder)
    wrong = [
        f"{file.relative_to(_TOP)} imports {module}"
        for file in sorted((_TOP / folder).rglob("*.py"))
        for module in sorted(_imported(file))
        if _within(module, (*others, "tests")) and not _within(module, _ALLOWED[folder])
    ]
    assert not wrong


def test_what_runs_on_workers_needs_no_master() -> None:
    wrong = [
        f"{file.relative_to(_TOP)} imports {module}"
        for file in sorted((_TOP / "workers").rglob("*.py"))
        for module in sorted(_imported(file))
        if _within(module, ("buildbot",))
    ]
    assert not wrong


def test_the_queues_state_machine_is_pure() -> None:
    wrong = [
        f"{file.relative_to(_TOP)} imports {module}"
        for file in sorted((_TOP / "schedulers" / "gate").rglob("*.py"))
        for module in sorted(_imported(file))
        if _within(module, ("buildbot", "twisted", "time", "datetime", "os", "pathlib", "random"))
    ]
    assert not wrong
