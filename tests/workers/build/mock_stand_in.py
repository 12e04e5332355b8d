#!/usr/bin/python3
"""A mock(1) whose chroot is this machine; it notes what it was asked for beside itself."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

_BESIDE = Path(__file__).parent


def _main() -> int:
    options = argparse.ArgumentParser()
    for name in ("init", "installdeps", "chroot", "rebuild", "clean"):
        options.add_argument(f"--{name}", action="store_const", const=name, dest="mode")
    for name in ("--no-clean", "--quiet"):
        options.add_argument(name, action="store_true")
    for name in ("--root", "--uniqueext", "--resultdir"):
        options.add_argument(name)
    options.add_argument("--define", action="append", default=[])
    options.add_argument("arguments", nargs="*")
    asked = options.parse_args()
    with (_BESIDE / "asked").open("a") as file:
        file.write(json.dumps(vars(asked)) + "\n")
    (_BESIDE / "configuration").write_text(Path(asked.root).read_text())
    if asked.mode == "chroot":
        sys.stdout.write("22  gcc-12-1.x86_64\n11  bash-5-1.x86_64\n")
    if asked.mode == "rebuild":
        return _rebuild(asked.arguments[0], Path(asked.resultdir), asked.define)
    return 0


def _rebuild(source_package: str, results: Path, defines: list[str]) -> int:
    with tempfile.TemporaryDirectory() as top:
        defines = [f"_topdir {top}", f"_rpmdir {results}", *defines]
        built = subprocess.run(
            [
                *("rpmbuild", "--rebuild", "--nodeps"),
                *(f"--define={each}" for each in defines),
                source_package,
            ],
            check=False,
        )
    for package in results.glob("*/*.rpm"):
        package.rename(results / package.name)
    return built.returncode


if __name__ == "__main__":
    sys.exit(_main())
