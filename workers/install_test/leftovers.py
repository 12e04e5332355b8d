"""What a package left behind or broke, from two descriptions of a machine's files. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.install_test.machine import Manifest


def leftovers(before: Manifest, after: Manifest) -> list[str]:
    """Return a line for each path that is not as it was."""
    found = []
    for path in sorted({*before, *after}):
        now = after.get(path)
        if (path in before) == (path in after) and before[path] == now:
            continue
        if path in after and now is None:
            found.append(f"removed: {path}")
        elif now is not None and path not in before:
            found.append(f"left behind or changed: {path} ({now.kind})")
        else:
            found.append(f"changed: {path}")
    return found
