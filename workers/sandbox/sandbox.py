"""The caller's side of a sandbox: runs commands in it, enforces time and log, reads results."""

from __future__ import annotations

import contextlib
import enum
import json
import os
import selectors
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Self

from workers.outcome import BadRequest, ChangeFault, InfrastructureFault
from workers.sandbox.entries import Entry
from workers.sandbox.output import Output
from workers.sandbox.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

_STOPPING_SECONDS = 60.0
_CAPTURED_BYTES = 16 << 20
_LISTING_BYTES = 256 << 20
_CHUNK = 64 << 10
_RESOLVER = Path("/etc/resolv.conf")
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "TERM": "dumb",
}


@dataclass(frozen=True)
class Limits:
    """What runs in a sandbox may use; sizes in bytes."""

    seconds: float = 3600
    """Wall time of one run."""
    memory: int = 4 << 30
    """All processes of a run together."""
    processes: int = 2000
    """Processes and threads of a run."""
    disk: int = 8 << 30
    """Everything written in the sandbox; it is held in memory."""
    file_size: int = 4 << 30
    """One file."""
    log: int = 64 << 20
    """Output of all runs together."""


@dataclass(frozen=True)
class Bind:
    """A file or folder of the host shown in the sandbox at the absolute path ``target``."""

    source: Path
    target: str
    writable: bool = False


class Stop(enum.StrEnum):
    """Why a run was ended before its command ended by itself."""

    TIME = "time"
    LOG = "log"
    DISK = "disk"
    MEMORY = "memory"
    PROCESSES = "processes"
    KILLED = "killed"
    """By a signal that it got itself, such as that of a wrong memory access."""
    HOST = "host"
    """By the kernel when the host's memory ran out, or by somebody on the host."""


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    status: int
    """Exit status; negative: the signal that ended the command."""
    stopped: Stop | None
    seconds: float
    tail: str
    """The last lines it printed."""
    output: bytes
    """Its standard output, if that was captured."""
    why: str
    """One line for a person; empty after success."""

    @property
    def success(self) -> bool:
        """True if the command ended by itself with status 0."""
        return self.status == 0 and self.stopped is None


class Sandbox:
    """A disposable root; see :mod:`workers.sandbox` for the promises it makes."""

    def __init__(
        self,
        root: Path,
        *,
        over: Path | None = None,
        limits: Limits | None = None,
        log: Path | None = None,
        binds: Sequence[Bind] = (),
    ) -> None:
        self._lower = [root] if over is None else [over, root]
        self._limits = limits or Limits()
        self._log = log
        self._binds = binds
        self._opened = contextlib.ExitStack()
        self._supervisor: Supervisor
        self._output: Output

    def __enter__(self) -> Self:
        for layer in self._lower:
            if not layer.is_dir():
                raise BadRequest(f"there is no root image at {layer}")
        with contextlib.ExitStack() as stack:
            log = stack.enter_context(self._log.open("ab")) if self._log else None
            self._output = Output(log, self._limits.log)
            self._supervisor = Supervisor(self._setup())
            stack.callback(self._supervisor.end)
            self._opened = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def run(
        self,
        command: Sequence[str],
        *,
        as_root: bool = False,
        network: bool = False,
        environment: Mapping[str, str] | None = None,
        folder: str = "/",
        seconds: float | None = None,
        stdin: IO[bytes] | None = None,
        capture: bool = False,
    ) -> Result:
        """Run a command to its end or to a limit."""
        if not command:
            raise BadRequest("there is no command to run")
        user = {"HOME": "/root", "USER": "root"} if as_root else {"HOME": "/build", "USER": "build"}
        request = {
            "do": "run",
            "command": list(command),
            "as_root": as_root,
            "network": network,
            "folder": folder,
            "environment": {**_ENVIRONMENT, **user, **(environment or {})},
            "memory": self._limits.memory,
            "processes": self._limits.processes,
            "file_size": self._limits.file_size,
        }
        allowed = self._limits.seconds if seconds is None else seconds
        started = time.monotonic()
        self._output.begin()
        with contextlib.ExitStack() as stack:
            given = stdin or stack.enter_context(Path(os.devnull).open("rb"))
            printed, printer = _pipe(stack)
            captured, capturer = _pipe(stack) if capture else (None, printer)
            fds = (given.fileno(), capturer.fileno(), printer.fileno())
            self._supervisor.send(request, fds)
            printer.close()
            capturer.close()
            run = _Run(self._supervisor, self._output, started + allowed)
            run.follow(printed, captured)
        self._output.finish()
        stopped = run.stopped or (Stop.KILLED if run.status < 0 else None)
        return Result(
            status=run.status,
            stopped=stopped,
            seconds=time.monotonic() - started,
            tail=self._output.tail(),
            output=bytes(run.captured),
            why=self._why(run.status, stopped, allowed),
        )

    def write(
        self, path: str, content: bytes | BinaryIO, *, mode: int = 0o644, owner: int = 0
    ) -> None:
        """Put a file into the root, in place of one that is there."""
        request = {"do": "write", "path": path, "mode": mode, "owner": owner}
        with contextlib.ExitStack() as stack:
            if isinstance(content, bytes):
                file: BinaryIO = stack.enter_context(os.fdopen(os.memfd_create("content"), "w+b"))
                file.write(content)
            else:
                file = content
            file.seek(0)
            self._supervisor.send(request, (file.fileno(),))
            self._supervisor.receive()

    def read(self, path: str, *, limit: int = 1 << 20) -> bytes:
        """Return a regular file's content; ChangeFault if it is none or longer than the limit."""
        with self._open(path, limit) as file:
            return file.read(limit)

    def names(self, folder: str) -> list[str]:
        """Return the sorted names of what is in a folder."""
        return sorted(self._list({"do": "names", "path": folder}))

    def copy_out(self, folder: str, to: Path, *, limit: int = 4 << 30) -> list[Path]:
        """Copy a folder's files out; ChangeFault for a link, device or sub-folder in it.

        ``limit`` bounds their sizes together. The files' names are the change's own: check them
        before they reach a command line.
        """
        copied: list[Path] = []
        left = limit
        for name, is_file in sorted(self._list({"do": "names", "path": folder}).items()):
            if not is_file:
                raise ChangeFault(f"{folder}/{name} is no regular file, but results must be")
            copied.append(to / name)
            left -= self.copy_file(f"{folder}/{name}", copied[-1], limit=left)
        return copied

    def copy_file(self, path: str, to: Path, *, limit: int = 4 << 30) -> int:
        """Copy a regular file to a new file and return its size; ChangeFault as for read."""
        with self._open(path, limit) as source, to.open("xb") as file:
            shutil.copyfileobj(source, file, _CHUNK)
            return file.tell()

    def changes(self, exclude: Collection[str] = ()) -> dict[str, Entry | None]:
        """Return how the root differs from its image."""
        listed = self._list({"do": "changes", "exclude": list(exclude)})
        return {path: entry and Entry(**entry) for path, entry in listed.items()}

    def keep(self, folder: Path) -> int:
        """Keep how the root differs from its image as a layer in ``folder/root``; return its bytes.

        What the ordinary user owns is left out. The folder must let the namespace's root write.
        """
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._supervisor.send({"do": "keep"}, (opened,))
            answer, _ = self._supervisor.receive(self._limits.seconds)
        finally:
            os.close(opened)
        return int(answer["size"])

    def _setup(self) -> dict[str, Any]:
        return {
            "lower": [str(layer.absolute()) for layer in self._lower],
            "disk": self._limits.disk,
            "resolver": _RESOLVER.read_text(encoding="utf-8") if _RESOLVER.exists() else "",
            "binds": [
                {
                    "source": str(bind.source.absolute()),
                    "target": bind.target,
                    "writable": bind.writable,
                }
                for bind in self._binds
            ],
        }

    def _list(self, request: Mapping[str, Any]) -> dict[str, Any]:
        with os.fdopen(os.memfd_create("listing"), "w+b") as file:
            self._supervisor.send(request, (file.fileno(),))
            # Hashing what changed takes as long as writing it did.
            self._supervisor.receive(self._limits.seconds)
            file.seek(0)
            listed: dict[str, Any] = json.loads(file.read(_LISTING_BYTES))
        return listed

    @contextlib.contextmanager
    def _open(self, path: str, limit: int) -> Iterator[BinaryIO]:
        self._supervisor.send({"do": "read", "path": path})
        try:
            _, (fd,) = self._supervisor.receive()
        except InfrastructureFault as error:
            raise ChangeFault(f"cannot read {path} in the sandbox: {error.reason}") from error
        with os.fdopen(fd, "rb") as file:
            size = os.fstat(fd).st_size
            if size > limit:
                raise ChangeFault(f"{path} has {size} bytes, more than the {limit} allowed")
            yield file

    def _why(self, status: int, stopped: Stop | None, seconds: float) -> str:
        limits = self._limits
        match stopped:
            case None:
                return f"it ended with status {status}" if status else ""
            case Stop.TIME:
                return f"stopped: it ran longer than {seconds:g} s"
            case Stop.LOG:
                return f"stopped: it printed more than {_size(limits.log)}"
            case Stop.DISK:
                return f"stopped: the disk is full ({_size(limits.disk)})"
            case Stop.MEMORY:
                return f"stopped: it used more than {_size(limits.memory)} of memory"
            case Stop.PROCESSES:
                return f"stopped: it had more than {limits.processes} processes and threads"
            case Stop.KILLED:
                return f"it was killed by signal {-status}"
            case Stop.HOST:
                return "it was killed, as the kernel does when the host's memory runs out"


class _Run:
    """Follows one run: its output, its deadline and its end."""

    def __init__(self, supervisor: Supervisor, output: Output, deadline: float) -> None:
        self._supervisor = supervisor
        self._output = output
        self._deadline = deadline
        self._answered = False
        self.captured = bytearray()
        self.stopped: Stop | None = None
        self.status = 0

    def follow(self, printed: BinaryIO, captured: BinaryIO | None) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._supervisor, selectors.EVENT_READ)
            selector.register(printed, selectors.EVENT_READ)
            if captured is not None:
                selector.register(captured, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(self._deadline - time.monotonic())
                for key, _ in ready:
                    if key.fileobj is self._supervisor:
                        self._take_answer()
                        selector.unregister(self._supervisor)
                    elif chunk := os.read(key.fd, _CHUNK):
                        self._take(chunk, capture=key.fileobj is captured)
                    else:
                        selector.unregister(key.fileobj)
                if time.monotonic() > self._deadline:
                    self._stop(Stop.TIME)

    def _take_answer(self) -> None:
        answer, _ = self._supervisor.receive()
        self._answered = True
        self.status = answer["status"]
        if answer["stopped"]:
            self.stopped = Stop(answer["stopped"])

    def _take(self, chunk: bytes, *, capture: bool) -> None:
        if not capture:
            within = self._output.take(chunk)
        else:
            within = len(self.captured) + len(chunk) <= _CAPTURED_BYTES
            self.captured += chunk if within else b""
        if not within and self.stopped is None:
            self._stop(Stop.LOG)

    def _stop(self, reason: Stop) -> None:
        if self.stopped is not None:
            raise InfrastructureFault("the sandbox did not end a run it was asked to end")
        self.stopped = reason
        if not self._answered:
            self._supervisor.send({"stop": reason})
        self._deadline = time.monotonic() + _STOPPING_SECONDS


def _pipe(stack: contextlib.ExitStack) -> tuple[BinaryIO, BinaryIO]:
    reader, writer = os.pipe()
    return (
        stack.enter_context(os.fdopen(reader, "rb", buffering=0)),
        stack.enter_context(os.fdopen(writer, "wb", buffering=0)),
    )


def _size(number: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if number >= size:
            return f"{number / size:.4g} {unit}"
    return f"{number} bytes"
