"""What kinds of files a repository has, told by their names. Pure."""

from __future__ import annotations

import re

PACKAGES = (".deb", ".rpm", ".dsc")

# What is written into these is never changed: other content has another name.
FIXED_FOLDERS = frozenset({"by-hash", "pool", "Packages", "provenance", "snapshots"})
_FIXED_FILES = re.compile(r"repodata/[0-9a-f]{64}-[^/]+|generations/[0-9TZ.]+\.json")
_COMMIT_POINTS = re.compile(r"dists/[^/]+/InRelease|repodata/repomd\.xml")


def is_package(path: str) -> bool:
    """Whether a file is a package as clients list them; for a DEB source package its dsc."""
    return path.endswith(PACKAGES)


def is_fixed(path: str) -> bool:
    """Whether the content of a path never changes. Of all others clients expect that of the
    generation they read.
    """
    *folders, _ = path.split("/")
    return not FIXED_FOLDERS.isdisjoint(folders) or _FIXED_FILES.fullmatch(path) is not None


def is_commit_point(path: str) -> bool:
    """Whether a path leads to all others of a generation."""
    return _COMMIT_POINTS.fullmatch(path) is not None


def kind(path: str) -> str:
    """Files of one kind are served, or not served, alike: by their top folder and suffix."""
    top, _, rest = path.partition("/")
    name = rest.rpartition("/")[2]
    return f"{top}/{name.rpartition('.')[2]}" if "." in name else top
