"""The cache of root images: one folder per image, made beside its final name and renamed.

All images of a cache are of one *edition*; a refresh makes another edition, with the packages that
the distribution has then, and switches to it when all of it is there.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from workers import files
from workers.outcome import BadRequest, InfrastructureFault
from workers.roots.base_package import install_base_package
from workers.roots.distribution import Distribution, known_distribution
from workers.roots.folders import (
    CLOSED,
    OPEN,
    call,
    call_as_namespace_root,
    held,
    remove,
    remove_unless_used,
)
from workers.roots.recipes import KINDS, recipe
from workers.sandbox import Bind, Limits, Sandbox
from workers.sandbox.inside import HOST_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIGITS = 20
_EDITION = "%Y%m%dT%H%M%S.%fZ"
_EDITION_FILE = "edition"
_LIMITS = Limits(seconds=1800, disk=6 << 30)
_SCRATCH = (Path("/dev/shm"), Path("/var/tmp"))  # noqa: S108 - mmdebstrap makes its own folder
_SCRATCH_BYTES = 2 << 30
_APT = {"DEBIAN_FRONTEND": "noninteractive"}
# Devices are the sandbox's; a root may not make any.
_UNPACK = ("tar", "--extract", "--numeric-owner", "--preserve-permissions", "--xattrs-include=*")
_ADD_USER = 'chroot "$1" useradd --uid 1000 --create-home --home-dir /build --shell /bin/sh build'
# Asked by maintainer scripts whether a service may be started: nothing runs services here.
_START_NOTHING = "#!/bin/sh\nexit 101\n"
_NAME_HOSTS = f"printf '127.0.0.1 localhost {HOST_NAME}\\n' >\"$1/etc/hosts\""
_APT_OPTIONS = (
    'Acquire::GzipIndexes "true";',
    'Acquire::Languages "none";',
    'APT::Install-Recommends "false";',
    "Acquire::Retries 3;",
)


@dataclass(frozen=True)
class RootImage:
    """An image in the cache."""

    path: Path
    """The root folder, for :class:`workers.sandbox.Sandbox`."""
    id: str
    """Identifies the recipe and the versions of all packages in it."""
    codename: str
    """Of the distribution that its packages are from."""
    architecture: str
    """Of the packages, as dpkg(1) names it."""
    seconds: float
    """How long getting it took."""


def make_root(kind: str, cache: Path) -> RootImage:
    """Return the image of a kind, making it and what it is based on if the cache has none.

    The cache must be the calling user's own. Several calls at once are safe: all but one wait.
    Raises BadRequest for an unknown kind and InfrastructureFault if the image cannot be made.
    """
    started = time.monotonic()
    if kind not in KINDS:
        raise BadRequest(f"no kind of root is called {kind!a}: use one of {', '.join(KINDS)}")
    cache.mkdir(parents=True, exist_ok=True)
    distribution = known_distribution(cache / "distribution.json")
    image = _made(kind, cache, distribution, _edition(cache))
    about = json.loads((image / "image.json").read_text(encoding="utf-8"))
    return RootImage(
        path=image / "root",
        id=about["id"],
        codename=distribution.codename,
        architecture=distribution.architecture,
        seconds=time.monotonic() - started,
    )


@contextlib.contextmanager
def used_root(kind: str, cache: Path) -> Iterator[RootImage]:
    """Hold the image that :func:`make_root` returns: nobody removes it before the block ends."""
    while True:
        image = make_root(kind, cache)
        with held(image.path.parent, fcntl.LOCK_SH) as there:
            if there:
                yield image
                return


def refresh_roots(cache: Path) -> list[str]:
    """Make all images that the cache has anew, and use these from now on; return their names.

    Builds that run go on in older images; those that no build is using are removed. Raises
    InfrastructureFault if one cannot be made; the images of the cache stay the same then.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache, "refresh"):
        distribution = known_distribution(cache / "distribution.json")
        old, new = _edition(cache), datetime.now(UTC).strftime(_EDITION)
        kinds = [kind for kind in KINDS if _image(kind, cache, distribution, old).is_dir()]
        made = [_made(kind, cache, distribution, new) for kind in kinds]
        files.write(cache / _EDITION_FILE, new.encode())
        for kind in KINDS:
            with _locked(cache, kind):
                for image in sorted(cache.glob(f"{kind}-*")):
                    if image not in made:
                        remove_unless_used(image)
    return [image.name for image in made]


def remove_root(cache: Path, kind: str | None = None) -> list[str]:
    """Remove the images of a kind, or of all, that are not in use; return their names."""
    removed = []
    for each in KINDS if kind is None else (kind,):
        if not cache.is_dir():
            break
        with _locked(cache, each):
            found = sorted(cache.glob(f"{each}-*")) + sorted(cache.glob(f".making-{each}-*"))
            removed += [image.name for image in found if remove_unless_used(image)]
    return removed


def _made(kind: str, cache: Path, distribution: Distribution, edition: str) -> Path:
    image = _image(kind, cache, distribution, edition)
    # Builds do not wait while another edition is made.
    if not image.is_dir():
        with _locked(cache, kind):
            if not image.is_dir():
                _make(kind, cache, distribution, edition)
    return image


def _edition(cache: Path) -> str:
    try:
        return (cache / _EDITION_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return "first"


def _image(kind: str, cache: Path, distribution: Distribution, edition: str) -> Path:
    return cache / f"{kind}-{_digest(kind, distribution)}-{edition}"


def _digest(kind: str, distribution: Distribution) -> str:
    """Of all that decides what is in an image but for the distribution's own progress."""
    chain = []
    step: str | None = kind
    while step is not None:
        chain.append(asdict(recipe(step)))
        step = recipe(step).base
    # This package's own text is part of every recipe.
    sources = sorted(Path(__file__).parent.glob("*.py"))
    code = [hashlib.sha256(file.read_bytes()).hexdigest() for file in sources]
    told = json.dumps([kind, chain, asdict(distribution), code])
    return hashlib.sha256(told.encode()).hexdigest()[:_DIGITS]


@contextlib.contextmanager
def _locked(cache: Path, kind: str) -> Iterator[None]:
    with (cache / f".{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(kind: str, cache: Path, distribution: Distribution, edition: str) -> None:
    for abandoned in cache.glob(f".making-{kind}-*"):
        remove(abandoned)
    making = Path(tempfile.mkdtemp(prefix=f".making-{kind}-", dir=cache))
    try:
        # Root of the namespace, a user without any right on this folder, makes the root in it.
        making.chmod(OPEN)
        base = recipe(kind).base
        if base is None:
            _bootstrap(making, distribution)
        else:
            with held(_made(base, cache, distribution, edition), fcntl.LOCK_SH) as there:
                if not there:
                    raise InfrastructureFault(f"the image of {base} was removed; try again")
                _extend(kind, _image(base, cache, distribution, edition) / "root", making)
        making.chmod(CLOSED)
        about = _describe(making / "root", _digest(kind, distribution))
        (making / "image.json").write_text(about, encoding="utf-8")
    except BaseException:
        remove(making)
        raise
    making.rename(_image(kind, cache, distribution, edition))


def _bootstrap(making: Path, distribution: Distribution) -> None:
    """Unpack a minimal system, made in memory where there is room: half the time goes to disks."""
    scratch = [
        folder
        for folder in _SCRATCH
        if folder.is_dir() and shutil.disk_usage(folder).free > _SCRATCH_BYTES
    ]
    if not scratch:
        raise InfrastructureFault("no room for making a root in /dev/shm or /var/tmp")
    archive = making / "root.tar"
    options = [f"--aptopt={line}" for line in (*_APT_OPTIONS, *distribution.apt_options)]
    with archive.open("wb") as file:
        call(
            [
                "mmdebstrap",
                "--mode=unshare",
                "--variant=minbase",
                "--format=tar",
                "--skip=cleanup/apt/lists",
                f"--architectures={distribution.architecture}",
                *options,
                f"--customize-hook={_ADD_USER}",
                f"--customize-hook={_NAME_HOSTS}",
                distribution.suite,
                "-",
                *distribution.sources,
            ],
            stdout=file.fileno(),
            environment={"TMPDIR": str(scratch[0])},
        )
    with archive.open("rb") as file:
        call_as_namespace_root(["mkdir", "--mode=755", "root"], making)
        call_as_namespace_root(
            [*_UNPACK, "--exclude=./dev/*", "--directory=root"], making, stdin=file.fileno()
        )
    archive.unlink()
    policy = making / "policy-rc.d"
    policy.write_text(_START_NOTHING, encoding="utf-8")
    policy.chmod(0o755)
    call_as_namespace_root(
        ["install", "--mode=755", policy.name, "root/usr/sbin/policy-rc.d"], making
    )
    policy.unlink()


def _extend(kind: str, base: Path, making: Path) -> None:
    """Install the packages in a sandbox over the base, then copy what came of it."""
    with Sandbox(base, limits=_LIMITS, binds=[Bind(making, "/mnt", writable=True)]) as sandbox:

        def run(*command: str, network: bool = False) -> None:
            result = sandbox.run(command, as_root=True, network=network, environment=_APT)
            if not result.success:
                raise InfrastructureFault(f"{kind}: {command[0]}: {result.why}", result.tail)

        install = ("apt-get", "install", "--yes", *recipe(kind).packages)
        first = sandbox.run(install, as_root=True, network=True, environment=_APT)
        if not first.success:  # the base's indexes are as old as the base
            run("apt-get", "update", network=True)
            run(*install, network=True)
        run("apt-get", "clean")
        if recipe(kind).rpm_base:
            release = sandbox.read("/usr/lib/os-release").decode()
            install_base_package(sandbox, _version_id(release))
        run("cp", "--archive", "--one-file-system", "/", "/mnt/root")


def _version_id(os_release: str) -> str:
    for line in os_release.splitlines():
        key, _, value = line.partition("=")
        if key == "VERSION_ID":
            return value.strip('"')
    return "0"


def _describe(root: Path, digest_of_recipe: str) -> str:
    packages = (root / "var/lib/dpkg/status").read_bytes()
    lines = [
        line
        for line in packages.decode().splitlines()
        if line.startswith(("Package: ", "Version: ", "Architecture: "))
    ]
    digest = hashlib.sha256("\n".join([digest_of_recipe, *lines]).encode()).hexdigest()
    return json.dumps({"id": digest[:_DIGITS]})
