"""Builds RPM packages by mock(1), in the chroot that one of its configurations describes.

Mock is run as the worker's own user, who must be in the group ``mock``. Its package manager has the
network; the build has none. Of the limits of a build those on time and output hold here, others are
the configuration's.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from workers import names, public_keys
from workers.build import failure
from workers.clients.dnf import section
from workers.clients.repository import fetch_keys
from workers.outcome import ChangeFault, InfrastructureFault
from workers.sandbox import Result, Stop
from workers.sandbox.output import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.build.commands import Commands
    from workers.clients.repository import BaseRepository, Repository

_PLACE = "/build/made-by-mock"
_CHUNK = 64 << 10
_ENDING_SECONDS = 60.0
_LIST = ("rpm", "--query", "--all", "--queryformat", r"%{SHA256HEADER}  %{NEVRA}\n")


class MockExecutor:
    """See :class:`workers.build.executors.Executor`."""

    def __init__(
        self,
        configuration: str,
        commands: Commands,
        log_limit: int,
        defines: Sequence[str],
        repositories: Sequence[Repository],
        base: Sequence[BaseRepository],
    ) -> None:
        """``configuration`` is the name of one of the files in /etc/mock, without its ending."""
        if shutil.which("mock") is None:
            raise InfrastructureFault("mock is not installed on this worker")
        # A build that is stopped ends mock, which would go on by itself.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(signal.SIGTERM))
        self._commands = commands
        self._log_limit = log_limit
        self._defines = defines
        self._folder = Path(tempfile.mkdtemp(prefix="lockgate-mock-"))
        self._configuration = self._folder / f"{names.file_name(configuration)}.cfg"
        self._configuration.write_text(
            mock_configuration(configuration, repositories, base), encoding="utf-8"
        )
        self._extension = f"lockgate-{secrets.token_hex(6)}"
        self._source_package = self._folder / "unknown.src.rpm"

    def fetch_dependencies(self, source_package: str) -> tuple[str, ...]:
        """Make the chroot with the BuildRequires; answer all that is installed in it."""
        self._source_package = self._folder / source_package.rpartition("/")[2]
        self._commands.sandbox.copy_file(source_package, self._source_package)
        for arguments in (("--init",), ("--installdeps", str(self._source_package))):
            result = self._mock(*arguments)
            if not result.success:
                raise failure.explain_dependencies(result, self._commands.log)
        listed = self._mock("--quiet", "--chroot", "--", *_LIST, capture=True)
        if not listed.success:
            raise InfrastructureFault(f"mock cannot list its chroot: {listed.why}", listed.tail)
        return tuple(sorted(listed.output.decode(errors="replace").splitlines()))

    def build(self) -> Sequence[str]:
        """Build in the chroot as it is now; put the packages into the sandbox."""
        self._commands.stages.done("dependencies")
        made = self._folder / "made"
        made.mkdir()
        begun = failure.written(self._commands.log)
        result = self._mock(
            *("--no-clean", f"--resultdir={made}", *self._defines),
            *("--rebuild", str(self._source_package)),
        )
        if not result.success:
            raise failure.explain(result, "building", self._commands.log, begun)
        placed = []
        for path in sorted(made.glob("*.rpm")):
            if path.name.endswith(".src.rpm"):
                continue  # made again of the one that mock was given
            if path.is_symlink() or not path.is_file():
                raise ChangeFault(f"{path.name!a} is no file, but results must be")
            placed.append(f"{_PLACE}/{names.checked_in('results', names.file_name, path.name)}")
            with path.open("rb") as file:
                self._commands.sandbox.write(placed[-1], file)
        return placed

    def close(self) -> None:
        """Remove the chroot."""
        self._mock("--clean", seconds=_ENDING_SECONDS)
        shutil.rmtree(self._folder)

    def _mock(self, *arguments: str, capture: bool = False, seconds: float | None = None) -> Result:
        command = [
            *("mock", "--root", str(self._configuration), f"--uniqueext={self._extension}"),
            *arguments,
        ]
        allowed = self._commands.stages.left if seconds is None else seconds
        with self._commands.log.open("ab") as log:
            return _run(command, Output(log, self._log_limit), allowed, capture=capture)


def mock_configuration(
    name: str, repositories: Sequence[Repository], base: Sequence[BaseRepository]
) -> str:
    """A configuration of mock's with more repositories, as ranked for dnf (mock's site-defaults).

    What its package manager fetches is signed by the repositories' keys, where these have one.
    InfrastructureFault for keys that are not named.
    """
    added = ""
    read: list[Repository | BaseRepository] = [*repositories, *base]
    for place, repository in enumerate(read):
        _check_keys(repository)
        added += section(repository, place, repository.key_url)
    return (
        f"include('/etc/mock/{name}.cfg')\n"
        "config_opts['rpmbuild_networking'] = False\n"
        "config_opts['use_host_resolv'] = False\n"
        f"config_opts[f\"{{config_opts['package_manager']}}.conf\"] += {added!r}\n"
    )


def _check_keys(repository: Repository | BaseRepository) -> None:
    """Mock believes all keys at an address; so there may be no others than those that count."""
    if repository.key_url is None:
        return
    counting = public_keys.fingerprints(repository.fetch_key())
    if public_keys.fingerprints(fetch_keys(repository.key_url)) != counting:
        raise InfrastructureFault(
            f"{repository.key_url} holds keys that the site file does not name, and mock would "
            "believe them: name them there, or take them away"
        )


def _run(command: Sequence[str], output: Output, seconds: float, *, capture: bool) -> Result:
    """Run mock to its end or a limit, at which it is told to end: it has mounts to undo."""
    started = time.monotonic()
    reached: list[Stop] = []
    captured = b""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if capture else subprocess.STDOUT,
        start_new_session=True,
    )

    def end(why: Stop) -> None:
        if not reached:
            reached.append(why)
            os.killpg(process.pid, signal.SIGTERM)

    timer = threading.Timer(seconds, end, (Stop.TIME,))
    timer.start()
    with process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        try:
            while chunk := os.read(process.stdout.fileno(), _CHUNK):
                if capture:
                    captured += chunk
                elif not output.take(chunk):
                    end(Stop.LOG)
        except BaseException:
            end(Stop.KILLED)
            raise
        finally:
            timer.cancel()
    output.finish()
    killed = process.returncode == -signal.SIGKILL
    stopped = reached[0] if reached else Stop.HOST if killed else None
    why = f"it ended with status {process.returncode}"
    if stopped is not None:
        why = f"stopped: limit of {stopped}"
    return Result(
        status=process.returncode,
        stopped=stopped,
        seconds=time.monotonic() - started,
        tail=output.tail(),
        output=captured,
        why="" if process.returncode == 0 and stopped is None else why,
    )
