"""A user of the product: a minimal root that knows one mirror and one public key.

Run as a worker's user: ``python -m master.demo.client FORMAT MIRROR KEY ROOT PACKAGE...``; prints
the installed versions, one ``PACKAGE VERSION`` a line.
"""

from __future__ import annotations

import sys
from pathlib import Path

from master.demo.layout import CODENAME
from workers.sandbox import Result, Sandbox

_KEY = "/etc/lockgate-key.asc"
_APT_SOURCE = "/etc/apt/sources.list.d/lockgate.list"


def main(package_format: str, mirror: str, key: str, root: str, packages: list[str]) -> None:
    """Install packages with signature checking on and print their versions."""
    with Sandbox(Path(root)) as sandbox:
        sandbox.write(_KEY, Path(key).read_bytes())
        install = _apt if package_format == "deb" else _dnf
        for line in install(sandbox, mirror, packages):
            sys.stdout.write(f"{line}\n")


def _apt(sandbox: Sandbox, mirror: str, packages: list[str]) -> list[str]:
    source = f"deb [signed-by={_KEY}] {mirror} {CODENAME} main\n"
    sandbox.write("/etc/apt/sources.list", b"")
    sandbox.write(_APT_SOURCE, source.encode())
    only_ours = ["-o", f"Dir::Etc::sourcelist={_APT_SOURCE}", "-o", "Dir::Etc::sourceparts=-"]
    checks = ["-o", "Acquire::Check-Valid-Until=true", "-o", "Acquire::Check-Date=true"]
    _must(sandbox.run(["apt-get", *only_ours, *checks, "update"], as_root=True, network=True))
    _must(
        sandbox.run(
            ["apt-get", *only_ours, "install", "-y", "--no-install-recommends", *packages],
            as_root=True,
            network=True,
        )
    )
    answer = _must(
        sandbox.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\\n", *packages], capture=True)
    )
    return answer.output.decode().splitlines()


def _dnf(sandbox: Sandbox, mirror: str, packages: list[str]) -> list[str]:
    repository = (
        f"[lockgate]\nname=lockgate\nbaseurl={mirror}\nenabled=1\ngpgcheck=1\n"
        f"gpgkey=file://{_KEY}\n"
    )
    sandbox.write("/etc/yum.repos.d/lockgate.repo", repository.encode())
    _must(sandbox.run(["rpm", "--import", _KEY], as_root=True))
    _must(sandbox.run(["dnf", "install", "-y", *packages], as_root=True, network=True))
    answer = _must(
        sandbox.run(
            ["rpm", "-q", "--qf", "%{NAME} %{VERSION}-%{RELEASE}\\n", *packages], capture=True
        )
    )
    return answer.output.decode().splitlines()


def _must(result: Result) -> Result:
    if not result.success:
        sys.exit(f"{result.why}\n{result.tail}")
    return result


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:])
