"""Signing RPM packages: the signature is added, what is signed stays what was tested."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from workers.files import write
from workers.names import file_name
from workers.outcome import BadRequest, InfrastructureFault
from workers.public_keys import KEY
from workers.repository.rpm import RpmFormat
from workers.signing import log
from workers.signing.expected import check_built

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from workers.provenance.record import Record
    from workers.signing.gnupg import Home, Key

_FORMAT = RpmFormat()


def sign_rpms(
    home: Home, key: Key, source: Path, to: Path, why: Mapping[str, str], record: Record
) -> list[dict[str, str]]:
    """Copy each package of a folder and sign the copy (rpmsign(8)).

    Beside them is the public key, by which the repository can see that they are signed before it
    has published one. What is signed is in the log, with ``why`` (build, requester, repository),
    before a signature exists. Answers each file's digests. Raises BadRequest for a file that the
    build did not make, by its ``record``, and InfrastructureFault when signing changed more than
    the signature.
    """
    packages = sorted(source.glob("*.rpm"))
    if not packages:
        raise BadRequest(f"{source} holds no RPM package")
    names = [file_name(package.name) for package in packages]
    digests = dict(zip(names, _FORMAT.digests(packages).values(), strict=True))
    for name, of_it in digests.items():
        check_built(name, {"sha256": of_it["sha256"]}, record)
    about = {"key": key.fingerprint, **why}
    log.record(home.path, [{"what": name, **digests[name], **about} for name in digests])
    write(to / KEY, home.public_keys([key.fingerprint]))
    signed = []
    for package in packages:
        copy = to / package.name
        shutil.copyfile(package, copy)
        try:
            _sign(home, key, copy)
            after = _FORMAT.digests([copy])[copy]
            if digests[copy.name] | {"sha256": after["sha256"]} != after:
                raise InfrastructureFault(f"signing changed what is in {package.name}")
        except BaseException:
            copy.unlink()
            raise
        signed.append({"file": copy.name, **after})
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
