"""Whether building the same inputs again gave the same packages, and if not, what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from workers.files import sha256
from workers.outcome import BadRequest, ChangeFault, InfrastructureFault
from workers.repository.rpm import identity
from workers.sandbox.enclosure import run_enclosed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from workers.sandbox import Limits

# A build's own notes (.buildinfo, .changes, logs) tell when and where it was made.
_ENDINGS = {"deb": (".deb", ".udeb", ".dsc", ".tar.gz", ".tar.xz", ".diff.gz"), "rpm": (".rpm",)}
_DIFFERENT = 1  # exit status of diffoscope(1)
_LONGEST_DIFFERENCE = 64 << 10


def compare(
    package_format: Literal["deb", "rpm"],
    first: Path,
    again: Path,
    changed: Sequence[str],
    limits: Limits,
) -> dict[str, Any]:
    """Compare the packages of two builds; answer the names of those that are the same.

    RPM packages may have been signed in between. ``changed`` names inputs that were not the same:
    the reason of a difference then tells of them. Raises ChangeFault for the first that differs,
    with the difference in words of diffoscope(1), or that only one of the builds made.
    """
    names, other_names = _packages(package_format, first), _packages(package_format, again)
    if not names:
        raise BadRequest(f"{first} holds no package of a {package_format} build")
    for name in sorted(names | other_names):
        if name not in other_names:
            raise ChangeFault(f"{name} was not made when its inputs were built again")
        if name not in names:
            raise ChangeFault(f"{name} was made only when the inputs were built again")
        one, other = first / name, again / name
        if _content(package_format, one) != _content(package_format, other):
            why = f"; its {' and '.join(changed)} changed since" if changed else ""
            raise ChangeFault(
                f"{name} is another one when it is built again{why}",
                _difference(one, other, limits),
            )
    return {"same": sorted(names), "changed_inputs": list(changed)}


def _packages(package_format: str, folder: Path) -> set[str]:
    endings = _ENDINGS[package_format]
    return {path.name for path in folder.iterdir() if path.name.endswith(endings)}


def changed_inputs(first: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    """Words for the inputs of two builds that are not the same. Pure."""
    words = {
        "trees": "source",
        "root": "root image",
        "dependencies": "build dependencies",
        "options": "options",
    }
    return [word for name, word in words.items() if first.get(name) != again.get(name)]


def _content(package_format: str, path: Path) -> str:
    return identity(path) if package_format == "rpm" else sha256(path)


def _difference(one: Path, other: Path, limits: Limits) -> str:
    size = f"--max-text-report-size={_LONGEST_DIFFERENCE}"
    command = ["diffoscope", "--no-progress", "--text=-", "--text-color=never", size]
    files = {f"first-{one.name}": one, f"again-{other.name}": other}
    try:
        result = run_enclosed(command, files, list(files), limits)
    except InfrastructureFault as error:
        return f"the difference cannot be shown: {error.reason}"  # it is one all the same
    if result.status != _DIFFERENT:
        return f"diffoscope could not tell: {result.why}\n{result.tail}"
    return result.output.decode(errors="replace")
