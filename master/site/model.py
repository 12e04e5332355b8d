"""What a site file may say; each class is one of its tables.

Keys are checked when the file is loaded: an unknown key, a name that does not exist or a value
of the wrong kind is an error that names the place.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyAddress,
    model_validator,
)

from master.site.names import (
    BranchName,
    FileName,
    Fingerprint,
    HttpUrl,
    Identifier,
    MirrorUrl,
    PackageName,
    ProjectName,
)

Format = Literal["deb", "rpm"]
WorkerRole = Literal["builder", "repository", "signer", "tester"]
Port = Annotated[int, Field(ge=1, le=65535)]


def _one_or_several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class Table(BaseModel):
    """A table of the site file: no unknown keys, no changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Gerrit(Table):
    """The Gerrit server changes come from and verdicts go to."""

    url: HttpUrl  # REST and git over HTTP
    ssh_host: str
    ssh_port: Port = 29418
    user: str  # Lockgate's own account
    identity_file: Path  # private ssh key of that account, readable by the master only
    known_hosts: Path  # the server's ssh host keys; others are refused
    password_secret: str = "gerrit-password"  # noqa: S105 - the secret's name
    reconcile_seconds: Annotated[int, Field(ge=5)] = 300  # how often missed events are looked for
    label: str = "Verified"  # the label Lockgate votes on


class Web(Table):
    """Buildbot's web UI."""

    port: Port
    interface: IPvAnyAddress = IPv4Address("127.0.0.1")  # of the master's host, listened on
    url: HttpUrl
    users_secret: str = "web-users"  # noqa: S105 - JSON object: user name -> password


class Master(Table):
    """The Buildbot master itself."""

    database: str = "sqlite:///state.sqlite"
    worker_port: str = "tcp:9989:interface=127.0.0.1"
    secrets: Path  # folder with one file a secret, readable by the master only


class Artifacts(Table):
    """Files that builds hand on: uploaded to the master, fetched over HTTP by hash."""

    root: Path
    url: HttpUrl
    max_gib: Annotated[int, Field(ge=1)] = 50  # what was used longest ago goes when there are more


class Repositories(Table):
    """Where repositories are kept on the repository worker and how clients reach them."""

    root: Path
    url: HttpUrl
    origin: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+~-]{0,60}$")] = "Lockgate"
    keep_generations: Annotated[int, Field(ge=1)] = 10  # can be gone back to, however old
    keep_days: Annotated[float, Field(ge=1)] = 14  # replaced ones stay, also for slow clients
    keep_versions: Annotated[int, Field(ge=1)] = 2  # of each package in the newest generation
    test_days: Annotated[float, Field(ge=1)] = 14  # test repositories nobody refers to stay
    mirror_minutes: Annotated[int, Field(ge=1)] = 15  # between looks at mirrors that may lag
    valid_days: Annotated[int, Field(ge=1)] = 14  # APT clients then refuse what was not refreshed


class Keys(Table):
    """Keys of a release, by their fingerprints; the keys are where the signer keeps them."""

    deb: Annotated[tuple[Fingerprint, ...], BeforeValidator(_one_or_several)] = ()
    rpm: Annotated[tuple[Fingerprint, ...], BeforeValidator(_one_or_several)] = ()

    def of(self, package_format: Format) -> tuple[str, ...]:
        """The keys of a format's repository."""
        return self.deb if package_format == "deb" else self.rpm


class Release(Table):
    """A product branch with its own repositories and mirrors."""

    branch: BranchName
    codename: Identifier  # of the OS release; the APT distribution's name
    # Of several keys the first signs RPM packages, all sign metadata: clients that know any of
    # them go on while keys are exchanged.
    keys: Keys = Keys()
    # These sign no more; clients still check with them what they signed.
    trusted: Keys = Keys()
    rpm_compression: Literal["gz", "zst"] = "gz"  # of RPM metadata; old clients know gz only
    mirrors: tuple[Identifier, ...] = ()

    def public_keys(self, package_format: Format) -> tuple[str, ...]:
        """All that clients of a format's repository may check something with."""
        return self.keys.of(package_format) + self.trusted.of(package_format)

    @model_validator(mode="after")
    def _signs_or_does_not(self) -> Self:
        for package_format in get_args(Format):
            for key in self.keys.of(package_format):
                if key in self.trusted.of(package_format):
                    raise ValueError(f"key {key} is in `keys` and in `trusted`: it signs or not")
        return self


class Mirror(Table):
    """An external mirror, written by rsync and asked by HTTP; its files are on the repository
    worker.
    """

    rsync: MirrorUrl  # rsync://USER@HOST/MODULE/PATH of a daemon, or ssh://USER@HOST/PATH
    url: HttpUrl
    password_file: Path | None = None  # of a daemon's user
    identity_file: Path | None = None  # ssh: private key
    known_hosts: Path | None = None  # ssh: the mirror's host keys; others are refused

    @model_validator(mode="after")
    def _has_what_its_address_needs(self) -> Self:
        by_ssh = (self.identity_file, self.known_hosts)
        if self.rsync.startswith("ssh:"):
            if None in by_ssh or self.password_file:
                raise ValueError("an ssh:// mirror needs `identity_file` and `known_hosts` only")
        elif self.password_file is None or any(by_ssh):
            raise ValueError("an rsync:// mirror needs `password_file` only")
        return self


class Package(Table):
    """What is built from one source project, or from a source and a packaging project."""

    format: Format
    source: ProjectName
    packaging: ProjectName | None = None  # RPM: where the spec is, when not with the source
    spec: FileName | None = None
    releases: tuple[Identifier, ...]
    builds_with: tuple[PackageName, ...] = ()  # other packages here that it needs to be built
    smoke: str | None = None  # script in the tree run by the install test; DEB: debian/tests

    @property
    def projects(self) -> tuple[str, ...]:
        """The Gerrit projects a change to this package can come from."""
        return (self.source,) if self.packaging is None else (self.source, self.packaging)

    @model_validator(mode="after")
    def _spec_belongs_to_rpm(self) -> Self:
        if self.format == "rpm" and self.spec is None:
            raise ValueError("an RPM package needs `spec`, the name of its spec file")
        if self.format == "deb" and (self.spec or self.packaging):
            raise ValueError("`spec` and `packaging` are for RPM packages only")
        return self


class Worker(Table):
    """A Buildbot worker; its role decides which builders it serves."""

    role: WorkerRole
    password_secret: str
    max_builds: Annotated[int, Field(ge=1)] = 2
    roots: Path | None = None  # builder, tester: cache of root images on that worker
    signing_home: Path | None = None  # signer: GnuPG home there; repository: test repositories'

    @model_validator(mode="after")
    def _has_what_its_role_needs(self) -> Self:
        if self.role in ("builder", "tester") and self.roots is None:
            raise ValueError(f"a {self.role} needs `roots`, the folder of its root images")
        if self.role in ("signer", "repository") and self.signing_home is None:
            raise ValueError(f"a {self.role} needs `signing_home`, its GnuPG home")
        return self


class Limits(Table):
    """What one build or test may use."""

    seconds: Annotated[int, Field(ge=1)] = 3600
    memory_mib: Annotated[int, Field(ge=64)] = 4096
    disk_mib: Annotated[int, Field(ge=64)] = 8192
    processes: Annotated[int, Field(ge=16)] = 1024
    log_mib: Annotated[int, Field(ge=1)] = 64


class BaseRepository(Table):
    """A repository of the distribution that RPM packages are built on."""

    url: HttpUrl  # what is called baseurl in dnf.conf(5)
    key_url: HttpUrl  # the public keys that sign its packages
    fingerprints: Annotated[
        tuple[Fingerprint, ...], BeforeValidator(_one_or_several), Field(min_length=1)
    ]  # of all of them


class Rpm(Table):
    """How RPM packages are built."""

    builder: Literal["sandbox", "mock"] = "sandbox"
    mock_config: FileName | None = None  # a file in /etc/mock on the builders, without `.cfg`
    base_repositories: tuple[BaseRepository, ...] = ()  # of build dependencies and install tests

    @model_validator(mode="after")
    def _names_a_configuration_of_mock(self) -> Self:
        if (self.builder == "mock") != (self.mock_config is not None):
            raise ValueError('`mock_config` goes with `builder = "mock"`, which needs it')
        return self


class Window(Table):
    """How many queue items are built at once, and how that number follows success."""

    initial: Annotated[int, Field(ge=1)] = 20
    floor: Annotated[int, Field(ge=1)] = 3
    ceiling: Annotated[int, Field(ge=1)] | None = None


class Gate(Table):
    """How the gate behaves."""

    window: Window = Window()
    attempts: Annotated[int, Field(ge=1)] = 3  # while its infrastructure fails; then it leaves
    rebuild_one_in: Annotated[int, Field(ge=1)] = 20  # changes whose packages are built twice


class Site(Table):
    """The whole site file."""

    title: Annotated[str, Field(max_length=18)] = "Lockgate"  # Buildbot shows no longer one
    gerrit: Gerrit
    master: Master
    web: Web
    artifacts: Artifacts
    repositories: Repositories
    releases: Annotated[dict[Identifier, Release], Field(min_length=1)]
    mirrors: dict[Identifier, Mirror] = {}
    packages: Annotated[dict[PackageName, Package], Field(min_length=1)]
    workers: dict[Identifier, Worker]
    build_limits: Limits = Limits()
    test_limits: Limits = Limits()
    rpm: Rpm = Rpm()
    gate: Gate = Gate()

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        problems = []
        for name, release in self.releases.items():
            problems += [
                f"releases.{name}.mirrors: there is no [mirrors.{mirror}]"
                for mirror in release.mirrors
                if mirror not in self.mirrors
            ]
        for name, package in self.packages.items():
            for release_name in package.releases:
                known = self.releases.get(release_name)
                if known is None:
                    problems.append(f"packages.{name}.releases: no [releases.{release_name}]")
                elif not known.keys.of(package.format):
                    problems.append(
                        f"packages.{name}: [releases.{release_name}.keys] has no "
                        f"`{package.format}` key, and nothing is published unsigned"
                    )
            problems += [
                f"packages.{name}.builds_with: there is no [packages.{other}]"
                for other in package.builds_with
                if other not in self.packages
            ]
        roles = {worker.role for worker in self.workers.values()}
        problems += [
            f"workers: there is no worker with role `{role}`"
            for role in ("builder", "repository", "signer", "tester")
            if role not in roles
        ]
        if any(release.mirrors for release in self.releases.values()):
            problems += [
                f"workers.{name}.max_builds: a site with mirrors needs at least 2 here: one that "
                "waits for a mirror may not hold up publishing"
                for name in self.workers_of("repository")
                if self.workers[name].max_builds < 2
            ]
        for folder in ("roots", "signing_home"):
            for role in sorted(roles):
                named = {
                    name: getattr(worker, folder)
                    for name, worker in self.workers.items()
                    if worker.role == role
                }
                if len(set(named.values())) > 1:
                    problems.append(
                        f"workers: all of role `{role}` need the same `{folder}`, but "
                        + " and ".join(f"{name} has {path}" for name, path in named.items())
                    )
        branches = [release.branch for release in self.releases.values()]
        problems += [
            f"releases: branch `{branch}` belongs to more than one release"
            for branch in sorted({b for b in branches if branches.count(b) > 1})
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def workers_of(self, role: WorkerRole) -> list[str]:
        """Names of the workers with this role."""
        return [name for name, worker in self.workers.items() if worker.role == role]

    def a_worker(self, role: WorkerRole) -> Worker:
        """The settings of a role; all workers of one role are set up alike."""
        return self.workers[self.workers_of(role)[0]]

    def release_of_branch(self, branch: str) -> str | None:
        """The release a branch belongs to."""
        return next((n for n, release in self.releases.items() if release.branch == branch), None)

    def packages_of(self, project: str, release: str) -> list[str]:
        """Packages that a change of this project in this release builds."""
        return [
            name
            for name, package in self.packages.items()
            if project in package.projects and release in package.releases
        ]

    def formats_of(self, release: str) -> list[Format]:
        """The formats a release has packages of."""
        packages = self.packages.values()
        return sorted({package.format for package in packages if release in package.releases})

    def projects(self) -> list[str]:
        """Every Gerrit project some package comes from."""
        return sorted({project for p in self.packages.values() for project in p.projects})
