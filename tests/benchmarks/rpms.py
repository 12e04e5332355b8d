"""RPM packages made by the hundred: one rpmbuild(8) for many subpackages."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from tests.benchmarks.sketches import Sketch, sketch

_SECONDS = 300
_DEFINED = {
    "_binary_payload": "w1.gzdio",
    "_build_id_links": "none",
    "__os_install_post": "%{nil}",  # the files are as they shall be
    "_build_name_fmt": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
}


def make_rpms(numbers: range, folder: Path, revision: int = 0) -> None:
    """Build the packages of some numbers."""
    sketches = [sketch(number, revision) for number in numbers]
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        tree = Path(scratch, "tree")
        for made in sketches:
            for path, content in made.files.items():
                (tree / path).parent.mkdir(parents=True, exist_ok=True)
                (tree / path).write_bytes(content)
        spec = Path(scratch, "packages.spec")
        spec.write_text(_spec(sketches, tree))
        defined = {"_topdir": scratch, "_rpmdir": str(folder), **_DEFINED}
        words = [word for name, value in defined.items() for word in ("-D", f"{name} {value}")]
        subprocess.run(
            ["rpmbuild", "-bb", "--quiet", *words, str(spec)],
            check=True,
            capture_output=True,
            timeout=_SECONDS,
            # Threads that wait for each other busily take most of the time otherwise.
            env={**os.environ, "OMP_WAIT_POLICY": "passive"},
        )


def _spec(sketches: list[Sketch], tree: Path) -> str:
    lines = [
        *("Name: all", "Version: 1", "Release: 1", "Summary: all of them", "License: MIT"),
        *("BuildArch: noarch", "%description", "Nothing by itself."),
    ]
    for made in sketches:
        lines += [
            *(f"%package -n {made.name}", f"Version: {made.version}", f"Summary: {made.summary}"),
            *(f"URL: https://{made.name}.example.org/", f"Group: {made.section}"),
            *(f"Requires: {name} >= 1.0" for name in made.depends),
            *("AutoReqProv: no", f"%description -n {made.name}", *made.description),
        ]
    lines += ["%install", f"mv {tree}/* %{{buildroot}}/"]
    for made in sketches:
        lines += [f"%files -n {made.name}", *(f"/{path}" for path in made.files)]
    # Changelogs are in the metadata too.
    entry = "Mon Jan 05 2026 Ann Example <ann@example.org> - 1"
    return "\n".join([*lines, "%changelog", f"* {entry}", "- As it was made."]) + "\n"
