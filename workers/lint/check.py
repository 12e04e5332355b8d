"""Lints a folder of packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workers.lint.judgement import judge
from workers.names import file_name
from workers.outcome import BadRequest, ChangeFault, InfrastructureFault
from workers.sandbox import Limits, Stop
from workers.sandbox.enclosure import run_enclosed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from workers.lint.judgement import Override
    from workers.lint.linters import Linter

_LIMITS = Limits(seconds=900, memory=2 << 30, processes=500, disk=6 << 30, log=16 << 20)


def lint(linter: Linter, folder: Path, overrides: Sequence[Override] = ()) -> dict[str, Any]:
    """Return the JSON answer; :class:`ChangeFault` if a remark forbids the change.

    All files of the folder are given to the linter, as a ``.dsc`` names others. Raises BadRequest
    for a folder without packages and InfrastructureFault if the linter itself fails.
    """
    if not folder.is_dir():
        raise BadRequest(f"there is no folder {folder}")
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.is_symlink()]
    packages = [file_name(file.name) for file in files if _is_judged(linter, file.name)]
    if not packages:
        raise BadRequest(f"there are no packages in {folder}")
    copies = {file.name: file for file in files}
    result = run_enclosed(linter.command, copies, packages, _LIMITS)
    if result.stopped is Stop.HOST:
        raise InfrastructureFault(f"{linter.name}: {result.why}", result.tail)
    if result.stopped is not None:
        raise ChangeFault(f"{linter.name} did not come to an end: {result.why}", result.tail)
    if result.status in linter.unreadable:
        raise ChangeFault(f"{linter.name} cannot read the packages", result.tail)
    if result.status not in linter.ends_well:
        raise InfrastructureFault(f"{linter.name} failed: {result.why}", result.tail)
    printed = result.output.decode(errors="replace")
    return judge(linter.read(printed), suppressed=linter.suppressed, overrides=overrides)


def _is_judged(linter: Linter, name: str) -> bool:
    if linter.generated is not None and linter.generated.fullmatch(name):
        return False
    return name.endswith(linter.suffixes)
