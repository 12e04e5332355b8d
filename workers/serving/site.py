"""A static server that knows which files never change and trusts none of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from twisted.web.http import datetimeToString
from twisted.web.resource import NoResource
from twisted.web.server import Site
from twisted.web.static import File

# Shown in the browser as they are; everything else that is no index is a download.
_TEXT = (".log", ".json", ".txt", ".asc", ".changes", ".dsc", ".buildinfo", ".spec")
# More than one part of each path: a release may be called pool. What was built of some inputs is
# an artifact that is made anew when its files are gone.
_NEVER_CHANGES = re.compile(
    r"/(by-hash/SHA256|pool/main|snapshots/\d{8}T[^/]+|Packages/\w)/|/repodata/[0-9a-f]{64}-"
    r"|^/artifacts/(?!builds/)"
)


class _Served(File):
    """A file or folder; hidden names, and links to them or to the outside, are not there."""

    # What strangers proposed is never rendered by a browser.
    contentTypes: dict[str, str] = dict.fromkeys(_TEXT, "text/plain; charset=utf-8")  # noqa: N815

    # A compressed index is what the client asked for, not a way to send something else.
    contentEncodings: dict[str, str] = {}  # noqa: N815, RUF012

    def __init__(self, path: str, root: Path) -> None:
        super().__init__(path, defaultType="application/octet-stream")
        self.indexNames = []
        self._root = root

    def createSimilarFile(self, path: str) -> File:  # noqa: N802 - Twisted's name
        return _Served(path, self._root)

    def getChild(self, path: bytes, request: Any) -> Any:  # noqa: N802 - Twisted's name
        child = super().getChild(path, request)  # type: ignore[no-untyped-call]
        if path.startswith(b".") or (isinstance(child, File) and not self._may_be_seen(child)):
            return NoResource()
        return child

    def _may_be_seen(self, child: File) -> bool:
        if not child.islink():
            return True
        target = Path(child.path).resolve()
        if not target.is_relative_to(self._root):
            return False
        return not any(part.startswith(".") for part in target.relative_to(self._root).parts)

    def render_GET(self, request: Any) -> Any:  # noqa: N802 - Twisted's name
        changes = _NEVER_CHANGES.search(request.path.decode(errors="replace")) is None
        request.setHeader(
            b"cache-control", b"no-cache" if changes else b"public, max-age=31536000, immutable"
        )
        request.setHeader(b"x-content-type-options", b"nosniff")
        request.setHeader(b"content-security-policy", b"sandbox; default-src 'none'")
        if not self._has_the_rest(request):
            request.requestHeaders.removeHeader(b"range")
        return super().render_GET(request)  # type: ignore[no-untyped-call]

    def _has_the_rest(self, request: Any) -> bool:
        """Whether who asks for a part has the rest of the same version (RFC 9110, 13.1.5)."""
        version = request.getHeader(b"if-range")
        self.restat(False)  # noqa: FBT003 - Twisted's way to say that it may be gone
        return version is None or (
            self.isfile() and version == datetimeToString(self.getModificationTime())
        )

    render_HEAD = render_GET  # noqa: N815


def site(root: Path) -> Site:
    """Everything below a folder."""
    return Site(_Served(str(root), root.resolve()))
