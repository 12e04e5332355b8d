"""Comparing a machine's files before and after a package."""

from __future__ import annotations

from workers.install_test.leftovers import leftovers
from workers.sandbox import Entry

FILE = Entry(kind="file", mode=0o644, owner=0, group=0, size=3, content="aa")
OTHER = Entry(kind="file", mode=0o644, owner=0, group=0, size=3, content="bb")
FOLDER = Entry(kind="folder", mode=0o755, owner=0, group=0, size=0, content="")


def test_nothing_differs() -> None:
    same = {"/etc/a": FILE, "/etc/gone": None}
    assert leftovers(same, dict(same)) == []


def test_each_difference_is_named() -> None:
    before = {"/changed": FILE, "/undone": FILE, "/removed-since": FILE, "/back": None}
    after = {"/changed": OTHER, "/new": FOLDER, "/removed-since": None, "/removed": None}
    assert leftovers(before, after) == [
        "changed: /back",
        "changed: /changed",
        "left behind or changed: /new (folder)",
        "removed: /removed",
        "removed: /removed-since",
        "changed: /undone",
    ]
