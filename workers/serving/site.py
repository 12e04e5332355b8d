"""A static server that knows which files never change and trusts none of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from twisted.web.resource import NoResource
from twisted.web.server import Site
from twisted.web.static import File

if TYPE_CHECKING:
    from pathlib import Path

# Shown in the browser as they are; everything else that is no index is a download.
_TEXT = (".log", ".json", ".txt", ".asc", ".changes", ".dsc", ".buildinfo", ".spec")
_NEVER_CHANGES = re.compile(
    r"/(by-hash|pool|Packages/\w)/|/repodata/[0-9a-f]{64}-|/artifacts/|/test/"
)


class _Served(File):
    """A file or folder; hidden names and symbolic links are not there for clients."""

    # What strangers proposed is never rendered by a browser.
    contentTypes: dict[str, str] = dict.fromkeys(_TEXT, "text/plain; charset=utf-8")  # noqa: N815

    # A compressed index is what the client asked for, not a way to send something else.
    contentEncodings: dict[str, str] = {}  # noqa: N815, RUF012

    def __init__(self, path: str, *_of_the_parent: Any) -> None:
        super().__init__(path, defaultType="application/octet-stream")
        self.indexNames = []

    def getChild(self, path: bytes, request: Any) -> Any:  # noqa: N802 - Twisted's name
        child = super().getChild(path, request)  # type: ignore[no-untyped-call]
        if path.startswith(b".") or (isinstance(child, File) and child.islink()):
            return NoResource()
        return child

    def render_GET(self, request: Any) -> Any:  # noqa: N802 - Twisted's name
        changes = _NEVER_CHANGES.search(request.path.decode(errors="replace")) is None
        request.setHeader(
            b"cache-control", b"no-cache" if changes else b"public, max-age=31536000, immutable"
        )
        request.setHeader(b"x-content-type-options", b"nosniff")
        request.setHeader(b"content-security-policy", b"sandbox; default-src 'none'")
        return super().render_GET(request)  # type: ignore[no-untyped-call]

    render_HEAD = render_GET  # noqa: N815


def site(root: Path) -> Site:
    """Everything below a folder."""
    return Site(_Served(str(root)))
