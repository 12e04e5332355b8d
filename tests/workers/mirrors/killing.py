"""A program that is killed when one of its rsync sessions has ended."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_RSYNC = """\
#!/bin/sh
echo >>{log}
if [ "$(wc -l <{log})" != {session} ]; then exec {rsync} "$@"; fi
{rsync} "$@"
kill -KILL "$PPID"
"""


@dataclass(frozen=True)
class Killer:
    """Stands before rsync(1) in the PATH of programs that are started."""

    folder: Path

    @classmethod
    def put(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Killer:
        """Put one into the PATH; it kills nobody yet."""
        folder.mkdir()
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        return cls(folder)

    def kill_after(self, session: int) -> None:
        """Kill the program that is started next when so many of its sessions have ended."""
        self.spare()
        script = self.folder / "rsync"
        real = shutil.which("rsync")
        assert real is not None
        log = shlex.quote(str(self.folder / "sessions"))
        script.write_text(_RSYNC.format(log=log, session=session, rsync=real))
        script.chmod(0o755)

    def spare(self) -> None:
        """Kill nobody any more."""
        for path in self.folder.iterdir():
            path.unlink()
