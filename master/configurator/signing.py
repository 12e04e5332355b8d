"""The builders on signers: those that sign for a release repository, those that look at keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from master.configurator.builder import builder, signing_home
from schedulers import builder_names as names
from steps.artifacts import DescribeArtifacts, FetchArtifacts, keep_artifacts
from steps.repository import PACKAGES
from steps.signing import SIGNED, CheckKeys, CheckRequester, SignMetadata, SignRpms, VerifyLog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from buildbot.plugins import util

    from master.site import Site
    from master.site.model import Format


def signers_of_repository(
    site: Site, release: str, package_format: Format
) -> Iterator[util.BuilderConfig]:
    """``sign`` signs its metadata, ``sign-packages`` the packages of a format that signs these."""
    settings = site.releases[release]
    repository = f"{release}/{package_format}"
    home = signing_home(site, "signer")
    keys, trusted = settings.keys.of(package_format), settings.trusted.of(package_format)

    def of(job: str, sign: Any) -> util.BuilderConfig:
        return builder(
            site,
            names.of_repository(job, release, package_format),
            "signer",
            [
                CheckRequester(_chain(site, release, package_format)),
                FetchArtifacts("artifacts", PACKAGES),
                sign,
                DescribeArtifacts(SIGNED, site.artifacts.url),
                keep_artifacts(SIGNED, site.artifacts.root, site.artifacts.url),
            ],
            [release, package_format],
            {"release": release},
        )

    yield of("sign", SignMetadata(repository, home, keys, trusted, PACKAGES))
    if package_format == "rpm":
        yield of("sign-packages", SignRpms(repository, home, keys[0], PACKAGES))


def key_checks(site: Site) -> Iterator[util.BuilderConfig]:
    """One for each signer: an operator is to know of a key that expires before it does."""
    for name in site.workers_of("signer"):
        home = signing_home(site, "signer")
        checks = [
            CheckKeys(
                f"{release}/{package_format}",
                home,
                settings.keys.of(package_format),
                settings.trusted.of(package_format),
            )
            for release, settings in site.releases.items()
            for package_format in site.formats_of(release)
        ]
        yield builder(
            site, names.of_keys(name), "signer", [*checks, VerifyLog(home)], [name], {}, worker=name
        )


def _chain(site: Site, release: str, package_format: Format) -> list[list[str]]:
    """Who may ask for a signature, and who may have asked them to."""
    acts = ("refresh", "rollback")
    return [
        [names.of_repository("release", release, package_format)],
        [
            *(names.of_repository(act, release, package_format) for act in acts),
            *(
                names.of_package("publish", release, name)
                for name, package in site.packages.items()
                if release in package.releases and package.format == package_format
            ),
        ],
    ]
