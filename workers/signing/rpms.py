"""Signing RPM packages: the signature is added, what is signed stays what was tested."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from workers.files import sha256
from workers.names import file_name
from workers.outcome import BadRequest, InfrastructureFault
from workers.repository.rpm import identity

if TYPE_CHECKING:
    from pathlib import Path

    from workers.signing.gnupg import Home, Key


def sign_rpms(home: Home, key: Key, source: Path, to: Path) -> list[dict[str, Any]]:
    """Copy each package of a folder and sign the copy (rpmsign(8)).

    Raises InfrastructureFault when signing changed more than the signature.
    """
    packages = sorted(source.glob("*.rpm"))
    if not packages:
        raise BadRequest(f"{source} holds no RPM package")
    to.mkdir(parents=True, exist_ok=True)
    signed = []
    for package in packages:
        before = identity(package)
        copy = to / file_name(package.name)
        shutil.copyfile(package, copy)
        try:
            _sign(home, key, copy)
            after = identity(copy)
            if before != after:
                raise InfrastructureFault(f"signing changed what is in {package.name}")
        except BaseException:
            copy.unlink()
            raise
        signed.append({"file": copy.name, "sha256": sha256(copy), "identity": after})
    return signed


def _sign(home: Home, key: Key, package: Path) -> None:
    result = subprocess.run(
        [
            *(
                "rpmsign",
                "--define",
                f"_gpg_name {key.fingerprint}",
                "--define",
                "__gpg /usr/bin/gpg",
            ),
            *("--define", f"_gpg_path {home.path}", "--addsign", str(package)),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if result.returncode != 0:
        raise InfrastructureFault(f"rpmsign failed for {package.name}", result.stderr[-1000:])
