"""How a repository is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.outcome import BadRequest
from workers.provenance.apt_chain import AptChain
from workers.provenance.readers import Folder
from workers.provenance.rpm_chain import RpmChain

if TYPE_CHECKING:
    from workers.provenance.chain import Chain
    from workers.provenance.readers import Reader
    from workers.repository.formats import Format


def chain_of(reader: Reader, package_format: Format | None, codename: str | None) -> Chain:
    """The chain of the format that is asked for, or else of the only one that is there.

    A codename asks for an APT repository's distribution. Raises BadRequest where it must be told.
    """
    if package_format == "rpm" and codename is not None:
        raise BadRequest("an RPM repository has no --codename")
    rpm = RpmChain()
    if package_format is None and codename is None:
        with reader.file(rpm.commit_point, 0) as there:
            has_rpm = there is not None
        package_format = "rpm" if has_rpm else "deb"
        if has_rpm and _codenames(reader):
            raise BadRequest("there are an APT and an RPM repository; tell --format")
    if package_format == "rpm":
        return rpm
    names = _codenames(reader) if codename is None else [codename]
    if len(names) != 1:
        raise BadRequest(
            "there is neither repodata/repomd.xml nor one dists/NAME/InRelease; of an APT "
            "repository behind an address, and of one with several distributions, tell --codename"
        )
    return AptChain(names[0])


def _codenames(reader: Reader) -> list[str]:
    """The distributions that can be seen."""
    if not isinstance(reader, Folder):
        return []
    return sorted(path.parent.name for path in reader.root.glob("dists/*/InRelease"))
