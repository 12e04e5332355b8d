"""Everything a Lockgate installation consists of, started on one machine under one folder."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

from master.demo import layout as where
from master.demo.folders import owned_file, owned_folder
from master.demo.gerrit_site import DemoGerrit
from master.demo.layout import Layout, Ports
from master.demo.processes import Servers, answers, as_user, environment
from master.demo.programs import ask
from master.demo.ready import Ready
from master.demo.site_file import site_file
from master.demo.stopwatch import Stopwatch
from workers.users import ensure_user

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")
OPERATOR = "operator"

_ROOT_KINDS = {
    where.BUILDER: ("deb-build", "rpm-build"),
    where.TESTER: ("deb-install", "rpm-install"),
}


@dataclass
class Cluster:
    """The demonstration's servers; ``start`` them, use them, ``stop`` them.

    ``tell`` is called with a word on what is being done, for people to watch.
    """

    layout: Layout
    tell: Callable[[str], None]
    ports: Ports = field(default_factory=Ports.choose)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(9))

    def __post_init__(self) -> None:
        self.seconds = Stopwatch(self.layout.first_run)
        self.servers = Servers(self.layout.logs)
        self.gerrit = DemoGerrit(self.layout, self.ports)

    def start(self) -> None:
        """Start everything; what does not depend on each other is made at the same time."""
        for user in where.USERS:
            ensure_user(user)
        shutil.rmtree(self.layout.run, ignore_errors=True)
        self._make_folders()
        keys = self._make_what_the_master_needs()
        self._part("Buildbot master", lambda: self._start_master(keys))
        self._part("workers", self._start_workers)
        self.ready().write(self.layout.ready)

    def stop(self) -> None:
        """Stop everything that was started."""
        self.servers.stop()
        self.gerrit.stop()

    def ready(self) -> Ready:
        """How to reach what was started."""
        served = f"http://127.0.0.1:{self.ports.repositories}"
        people = self.gerrit.community
        return Ready(
            web=f"http://127.0.0.1:{self.ports.web}",
            operator=OPERATOR,
            operator_password=self.password,
            gerrit=self.gerrit.server.url,
            repositories=served,
            mirrors={
                name: f"http://127.0.0.1:{self.ports.mirrors}/{name}" for name in where.MIRRORS
            },
            keys={kind: f"{served}/keys/{kind}.asc" for kind in ("deb", "rpm")},
            maintainer=people.maintainer,
            reviewer=people.reviewer,
            administrator=people.admin,
        )

    def _make_folders(self) -> None:
        paths = self.layout
        owned_folder(paths.master, where.MASTER, 0o700)
        owned_folder(paths.secrets, where.MASTER, 0o700)
        owned_folder(paths.served, "root")
        owned_folder(paths.served / "artifacts", where.MASTER)
        for name in ("test", "release", "keys"):
            owned_folder(paths.served / name, where.REPOSITORY)
        for name, user in where.WORKERS.items():
            owned_folder(paths.worker(name), user, 0o700)
        for user in _ROOT_KINDS:
            owned_folder(paths.roots(user), user)
        for name in where.MIRRORS:
            owned_folder(paths.mirrors / name, where.MIRROR)
        owned_folder(paths.rsync, where.MIRROR, 0o700)

    def _make_what_the_master_needs(self) -> dict[str, str]:
        """Answers the fingerprints of the signing keys, by format."""
        works: dict[str, Callable[[], None]] = {
            "Gerrit": self._start_gerrit,
            **{
                f"root image {kind}": partial(self._make_root, user, kind)
                for user, kinds in _ROOT_KINDS.items()
                for kind in kinds
            },
            "repository server and mirrors": self._start_servers_of_files,
        }
        pool = ThreadPoolExecutor(len(works) + 1)
        keys = pool.submit(self._part, "signing keys", self._make_keys)
        parts: list[Future[Any]] = [
            keys,
            *(pool.submit(self._part, name, work) for name, work in works.items()),
        ]
        try:
            for part in as_completed(parts):
                part.result()
        finally:
            # If one of them fails, or all is given up, nobody waits for the others.
            pool.shutdown(wait=False, cancel_futures=True)
        return keys.result()

    def _part(self, name: str, work: Callable[[], T]) -> T:
        self.tell(name)
        with self.seconds.of(name):
            return work()

    def _start_gerrit(self) -> None:
        self.gerrit.start()
        for stage, seconds in self.gerrit.server.seconds.items():
            self.seconds.taken[f"Gerrit: {stage}"] = seconds

    def _make_root(self, user: str, kind: str) -> None:
        cache = self.layout.roots(user)
        ask(user, cache, ["root", "make", "--kind", kind, "--cache", cache])

    def _make_keys(self) -> dict[str, str]:
        """Make the signing keys where they are used, and show the public ones to clients."""
        home = self.layout.worker("signer-1")
        signing = self.layout.signing_home("signer-1")
        fingerprints = {}
        for kind in ("deb", "rpm"):
            made = ask(
                where.SIGNER,
                home,
                [
                    *("sign", "keys", "make", "--home", signing, "--kind", kind),
                    *("--name", f"Lockgate demonstration ({kind})"),
                    *("--email", "lockgate@localhost"),
                ],
            )
            fingerprints[kind] = made["fingerprint"]
            exported = ask(
                where.SIGNER,
                home,
                ["sign", "keys", "export", "--home", signing, "--key", made["fingerprint"]],
            )["public_key"]
            repository = self.layout.served / "release" / where.RELEASE / kind
            owned_folder(repository.parent, where.REPOSITORY)
            owned_folder(repository, where.REPOSITORY)
            # Clients are told the key before they read the repository, which has it too then.
            owned_file(self.layout.keys / f"{kind}.asc", exported, where.REPOSITORY, mode=0o644)
        return fingerprints

    def _start_servers_of_files(self) -> None:
        password = secrets.token_urlsafe(18)
        mirrors = self.layout.mirrors
        daemon = self.layout.rsync
        owned_file(
            self.layout.worker("repository-1") / "rsync-password", password, where.REPOSITORY
        )
        users = owned_file(daemon / "rsyncd.secrets", f"lockgate:{password}\n", where.MIRROR)
        configuration = owned_file(daemon / "rsyncd.conf", _rsyncd(mirrors, users), where.MIRROR)
        self._serve("repositories", where.REPOSITORY, self.layout.served, self.ports.repositories)
        self._serve("mirrors", where.MIRROR, mirrors, self.ports.mirrors)
        self.servers.start(
            "rsync",
            [
                *("rsync", "--daemon", "--no-detach", "--address", "127.0.0.1"),
                *("--port", str(self.ports.rsync), "--config", configuration),
            ],
            user=where.MIRROR,
            cwd=daemon,
            ready=lambda: answers(self.ports.rsync),
        )

    def _serve(self, name: str, user: str, root: Path, port: int) -> None:
        self.servers.start(
            name,
            [
                "lockgate-worker",
                "serve",
                "--root",
                root,
                "--listen",
                "127.0.0.1",
                "--port",
                str(port),
            ],
            user=user,
            cwd=root,
            ready=lambda: answers(port),
        )

    def _start_master(self, keys: dict[str, str]) -> None:
        base, secret_files = self.layout.master, self.layout.secrets
        for name in where.WORKERS:
            password = secrets.token_urlsafe(18)
            owned_file(secret_files / f"worker-{name}", password, where.MASTER)
            owned_file(self.layout.worker(name) / "password", password, where.WORKERS[name])
        owned_file(secret_files / "web-users", f'{{"{OPERATOR}": "{self.password}"}}', where.MASTER)
        owned_file(
            secret_files / "gerrit-password", self.gerrit.community.service.password, where.MASTER
        )
        owned_file(secret_files / "gerrit-ssh-key", self.gerrit.community.service_key, where.MASTER)
        known_hosts = owned_file(base / "known_hosts", self.gerrit.server.known_hosts, where.MASTER)
        owned_file(
            self.layout.site_file,
            site_file(self.layout, self.ports, keys, known_hosts),
            where.MASTER,
            mode=0o644,
        )
        self._buildbot("create-master", "--relocatable", "--no-logrotate", base)
        configuration = resources.files("master").joinpath("master.cfg").read_text("utf-8")
        owned_file(base / "master.cfg", configuration, where.MASTER)
        self.servers.start(
            "master",
            ["buildbot", "start", "--nodaemon", base],
            user=where.MASTER,
            cwd=base,
            ready=lambda: answers(self.ports.web) and answers(self.ports.worker),
            seconds=120,
            own_log=base / "twistd.log",
        )

    def _buildbot(self, *arguments: str | Path) -> None:
        base = self.layout.master
        subprocess.run(
            as_user(where.MASTER, ["buildbot", *arguments]),
            cwd=base,
            env=environment(base),
            check=True,
            capture_output=True,
            timeout=120,
        )

    def _start_workers(self) -> None:
        for name, user in where.WORKERS.items():
            base = self.layout.worker(name)
            log = self.layout.logs / f"{name}.log"
            self.servers.start(
                name,
                [
                    *("lockgate-worker", "run", "--master", f"127.0.0.1:{self.ports.worker}"),
                    *("--name", name, "--password-file", base / "password", "--base", base),
                ],
                user=user,
                cwd=base,
                ready=lambda log=log: "Connected to" in log.read_text(errors="replace"),  # type: ignore[misc]
            )


def _rsyncd(root: Path, users: Path) -> str:
    modules = "\n".join(
        f"[{name}]\npath = {root / name}\nread only = no\nauth users = lockgate\n"
        f"secrets file = {users}\n"
        for name in where.MIRRORS
    )
    # Without chroot the daemon would otherwise rewrite symbolic links it is sent.
    return f"use chroot = no\nmunge symlinks = no\nlog file = /dev/stderr\n{modules}"
