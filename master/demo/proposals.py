"""The changes the demonstration proposes: four good ones and two that must be rejected."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from master.demo.people import Person


@dataclass(frozen=True)
class Proposal:
    """One change and what must become of it."""

    project: str
    title: str
    edits: Callable[[Callable[[str], str]], dict[str, str]]  # given a reader of files
    rejected_because: str | None = None  # words that must be in the message; None: it merges


def proposals(author: Person) -> list[Proposal]:
    """All changes, in the order they are pushed."""

    def released(project: str, version: str, change: str) -> Callable[[str], str]:
        def entry(changelog: str) -> str:
            head = f"{project} ({version}) bookworm; urgency=medium\n\n  * {change}\n\n"
            return f"{head} -- {author.name} <{author.email}>  {formatdate()}\n\n{changelog}"

        return entry

    def hello(read: Callable[[str], str]) -> dict[str, str]:
        entry = released("hello", "2.10-3.1", "Say in the news who ships this.")
        return {
            "debian/changelog": entry(read("debian/changelog")),
            "NEWS": read("NEWS") + "\nShipped through a gate.\n",
        }

    def ncompress(read: Callable[[str], str]) -> dict[str, str]:
        entry = released("ncompress", "4.2.4.6-6.1", "Mention the gate in the readme.")
        return {
            "debian/changelog": entry(read("debian/changelog")),
            "README.md": read("README.md") + "\nShipped through a gate.\n",
        }

    def does_not_compile(read: Callable[[str], str]) -> dict[str, str]:
        return {
            "compress42.c": read("compress42.c") + "\nint half_a_function(void) { return\n",
        }

    def tree_source(read: Callable[[str], str]) -> dict[str, str]:
        return {"CHANGES": "Shipped through a gate.\n\n" + read("CHANGES")}

    def tree_packaging(read: Callable[[str], str]) -> dict[str, str]:
        spec = read("tree.spec")
        return {
            "tree.spec": spec.replace("as a tree", "as a tree of names"),
        }

    def prints_nothing(read: Callable[[str], str]) -> dict[str, str]:
        marker = "int main(int argc, char **argv)\n{"
        source = read("tree.c")
        assert marker in source, "tree.c begins its main function otherwise"  # noqa: S101
        return {"tree.c": source.replace(marker, marker + "\n  if (argc) return 0;")}

    return [
        Proposal("hello", "Say in the news who ships this", hello),
        Proposal("ncompress", "Mention the gate in the readme", ncompress),
        Proposal("tree", "Note the gate in the changes", tree_source),
        Proposal("tree-packaging", "Say what kind of tree it is", tree_packaging),
        Proposal("ncompress", "Forget half of a function", does_not_compile, "compress42.c"),
        Proposal("tree", "Print nothing at all", prints_nothing, "smoke"),
    ]
