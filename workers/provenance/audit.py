"""Verifying a whole repository, from the public key down to each published byte."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from workers.outcome import BadRequest
from workers.provenance.chains import AptChain, Chain, RpmChain
from workers.provenance.place import record_path
from workers.provenance.readers import Folder
from workers.public_keys import KEY
from workers.repository.generations import INDEX

if TYPE_CHECKING:
    from pathlib import Path

    from workers.provenance.findings import Findings
    from workers.provenance.readers import Reader
    from workers.repository.package import Published

_INDEX = f"generations/{INDEX}"


def chain_of(reader: Reader, codename: str | None) -> Chain:
    """How a repository is followed: by what it looks like. Raises BadRequest if by nothing."""
    with reader.file("repodata/repomd.xml") as repomd:
        if repomd is not None:
            return RpmChain()
    if codename is None and isinstance(reader, Folder):
        found = [path.parent.name for path in reader.root.glob("dists/*/InRelease")]
        if len(found) == 1:
            (codename,) = found
    if codename is None:
        raise BadRequest(
            "there is neither repodata/repomd.xml nor one dists/NAME/InRelease; of an APT "
            "repository behind an address, and of one with several distributions, tell --codename"
        )
    return AptChain(codename)


def published(findings: Findings, chain: Chain) -> dict[str, list[Published]]:
    """What each generation that is kept lists, by its name; that of the published one is ''."""
    kept: dict[str, list[Published]] = {"": list(chain.generation(findings, None))}
    content = findings.content(_INDEX)
    for line in json.loads(content or b"[]"):
        stamp = str(line["generation"])
        findings.reached.add(f"generations/{stamp}.json")
        kept[stamp] = list(chain.generation(findings, stamp))
    return kept


def audit(findings: Findings, chain: Chain) -> int:
    """Look at everything; the findings are in ``findings``. Answers how many files were checked."""
    checked = {}
    for listed in published(findings, chain).values():
        for package in listed:
            if package.file in checked:
                continue
            checked[package.file] = package
            findings.reached.add(record_path(package.file))
            if findings.is_as_listed(package.file, package.sha256, "the index"):
                chain.check_signature(findings, package.file)
                findings.check_record(package.file, package.sha256)
    _note_strangers(findings)
    return len(checked)


def _note_strangers(findings: Findings) -> None:
    there = findings.reader.paths()
    if there is None:
        return
    links = {path for path in there if path.endswith("/Packages") and path.startswith("snapshots/")}
    strangers = there - findings.reached - links - {KEY}
    if isinstance(findings.reader, Folder):
        strangers -= _staged(findings.reader.root)
    for path in sorted(strangers):
        findings.note(path, "stranger", "nothing that is signed leads to it")


def _staged(root: Path) -> set[str]:
    """What lies there for a generation that is being made."""
    found: set[str] = set()
    for plan in root.glob(".stage/*/plan.json"):
        told: dict[str, Any] = json.loads(plan.read_bytes())
        found.update(told["line"]["added"], told["line"]["indexes"])
    return found
