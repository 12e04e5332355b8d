"""The sandbox's own processes; run by :class:`workers.sandbox.sandbox.Sandbox`, never by hand.

Two processes live as long as the sandbox::

    caller ─ keeper ─ supervisor            (user, mount, pid, ipc, uts namespaces)
                        └ starter ─ init ─ command   (per run: pid, mount, ipc, [net])

The *keeper* makes the namespaces and ends when the caller does. The *supervisor* is pid 1, has
the overlay as its root and carries out requests that come over a socket. For each run a *starter*
makes the namespaces of the run and an *init* that reaps. Each ends when its parent does, and with
an init the kernel ends every process of its namespace.

Python's own modules must be loaded before the root is changed: imports stay at the top, and
files are read and written as bytes, since encodings are modules as well.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import resource
import select
import signal
import socket
import stat
import sys
from pathlib import Path
from typing import Any, NoReturn

from workers.sandbox import kernel
from workers.sandbox.entries import differences
from workers.sandbox.layer import copy_layer

HOST_NAME = "lockgate"
MESSAGE_LIMIT = 1 << 17
ORDINARY_USER = 1000

_POLL_MILLISECONDS = 100
_DISK_NEARLY_FULL = 64 << 10
_BYTES_PER_INODE = 4096
# Sparse address space is not memory: Go, Java and sanitizers reserve several times what they use.
_ADDRESS_SPACE_PER_MEMORY = 4
_OPEN_FILES = (1024, 65536)
_CANNOT_RUN = 127
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# What dpkg, rpm and maintainer scripts need of root's capabilities(7), and nothing that mounts,
# configures the network or lifts limits.
_ROOT_CAPABILITIES = frozenset(
    {
        0,  # CAP_CHOWN
        1,  # CAP_DAC_OVERRIDE
        3,  # CAP_FOWNER
        4,  # CAP_FSETID
        5,  # CAP_KILL
        6,  # CAP_SETGID
        7,  # CAP_SETUID
        8,  # CAP_SETPCAP
        10,  # CAP_NET_BIND_SERVICE
        18,  # CAP_SYS_CHROOT
        27,  # CAP_MKNOD
        29,  # CAP_AUDIT_WRITE
        31,  # CAP_SETFCAP
    }
)


def main() -> NoReturn:
    """Be the keeper: make the namespaces, start the supervisor, end with it or the caller."""
    control = socket.socket(fileno=os.dup(0))
    caller = os.pidfd_open(os.getppid())
    try:
        # When the host's memory runs out, what runs here goes first; it cannot lower the value.
        Path("/proc/self/oom_score_adj").write_bytes(b"1000")
        setup, _ = receive(control)
        kernel.unshare(
            kernel.CLONE_NEWUSER
            | kernel.CLONE_NEWNS
            | kernel.CLONE_NEWPID
            | kernel.CLONE_NEWIPC
            | kernel.CLONE_NEWUTS
        )
        # Opened while this still is the caller's user, who may enter folders the namespace's
        # root may not, and after unshare, because only mounts of this namespace can be bound.
        lower = [_open_folder(layer) for layer in setup["lower"]]
        sources = [os.open(bind["source"], os.O_PATH | os.O_CLOEXEC) for bind in setup["binds"]]
        send(control, {"ready": "for the maps"})
        receive(control)
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    except OSError as error:
        send(control, {"error": f"the sandbox cannot be made: {error}"})
        os._exit(1)
    supervisor = os.fork()
    if supervisor == 0:
        kernel.die_with_parent()
        _supervise(control, setup, lower, sources)
    control.close()
    os.close(0)
    ended = select.poll()
    ended.register(caller, select.POLLIN)
    ended.register(os.pidfd_open(supervisor), select.POLLIN)
    ended.poll()
    os.kill(supervisor, signal.SIGKILL)
    os.waitpid(supervisor, 0)
    os._exit(0)


def send(control: socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
    """Send one message with open files; OSError if it is too long."""
    data = json.dumps(message).encode()
    if len(data) > MESSAGE_LIMIT:
        raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
    socket.send_fds(control, [data], fds)


def receive(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Wait for one message with open files; ConnectionError when the other side has gone."""
    data, fds, _, _ = socket.recv_fds(control, MESSAGE_LIMIT, 4)
    for fd in fds:
        os.set_inheritable(fd, False)  # noqa: FBT003 - its only argument
    if not data:
        raise ConnectionResetError("the other side has gone")
    return json.loads(data), fds


def _supervise(
    control: socket.socket, setup: dict[str, Any], lower: list[int], sources: list[int]
) -> NoReturn:
    try:
        kernel.refuse_tracing()
        upper, image = _make_root(setup, lower, sources)
        send(control, {"ready": "for requests"})
    except OSError as error:
        send(control, {"error": f"the sandbox cannot be made: {error}"})
        os._exit(1)
    while True:
        try:
            request, fds = receive(control)
        except ConnectionError:
            os._exit(0)
        if "stop" in request:  # it crossed the answer of a run that had just ended
            continue
        answer, answer_fds = _carry_out(control, request, fds, upper, image)
        for fd in fds:
            os.close(fd)
        send(control, answer, answer_fds)
        for fd in answer_fds:
            os.close(fd)


def _carry_out(
    control: socket.socket, request: dict[str, Any], fds: list[int], upper: int, image: int
) -> tuple[dict[str, Any], tuple[int, ...]]:
    try:
        match request["do"]:
            case "run":
                return _run(control, request, fds, upper), ()
            case "write":
                _write(request["path"], request["mode"], request["owner"], fds[0])
                return {}, ()
            case "read":
                opened = _open_file(request["path"])
                return {"size": os.fstat(opened).st_size}, (opened,)
            case "names":
                folder = _open_folder(request["path"], beneath="/")
                try:
                    kinds = {
                        name: stat.S_ISREG(
                            os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
                        )
                        for name in os.listdir(folder)  # noqa: PTH208 - an open folder
                    }
                finally:
                    os.close(folder)
                _fill(fds[0], kinds)
                return {}, ()
            case "keep":
                return {"size": _keep(upper, fds[0])}, ()
            case _:
                found = differences(upper, image, frozenset(request["exclude"]))
                listed = {
                    path: entry and dataclasses.asdict(entry) for path, entry in found.items()
                }
                _fill(fds[0], listed)
                return {}, ()
    except OSError as error:
        return {"error": str(error)}, ()


# The root


def _make_root(setup: dict[str, Any], lower: list[int], sources: list[int]) -> tuple[int, int]:
    """Mount the overlay and change into it; return its upper layer and what is below, open."""
    kernel.mount("", "/", flags=kernel.MS_PRIVATE | kernel.MS_REC)
    disk = setup["disk"]
    kernel.mount(
        "tmpfs",
        "/tmp",  # noqa: S108 - a mount point every system has, private to this namespace
        "tmpfs",
        kernel.MS_NODEV,
        f"size={disk},nr_inodes={disk // _BYTES_PER_INODE},mode=0755",
    )
    os.chdir("/tmp")  # noqa: S108
    layers = [f"layer{place}" for place in range(len(lower))]
    for name in (*layers, "image", "upper", "work", "root", "shm"):
        Path(name).mkdir()
    Path("shm").chmod(0o1777)
    for name, layer in zip(layers, lower, strict=True):
        os.fchdir(layer)
        kernel.mount(".", f"/tmp/{name}", flags=kernel.MS_BIND | kernel.MS_REC)  # noqa: S108
    os.chdir("/tmp")  # noqa: S108
    below = f"lowerdir={':'.join(layers)}"
    marks = ",userxattr" if _keeps_attributes("upper") else ""
    options = f"{below},upperdir=upper,workdir=work{marks}"
    kernel.mount("overlay", "root", "overlay", kernel.MS_NODEV, options)
    if len(layers) == 1:
        image = lower[0]
    else:
        kernel.mount("overlay", "image", "overlay", kernel.MS_NODEV, f"{below}{marks}")
        image = _open_folder("image")
    kernel.mount("proc", "root/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    _make_devices()
    upper = _open_folder("upper")
    os.chdir("root")
    for bind, source in zip(setup["binds"], sources, strict=True):
        _bind(source, bind["target"], writable=bind["writable"])
    kernel.pivot_into_current_folder()
    _settle(setup["resolver"])
    return upper, image


def _keeps_attributes(folder: str) -> bool:
    """Whether a tmpfs keeps user attributes, as those of Linux 6.6 and newer do.

    Without them an overlay works but for one thing: a folder of the image cannot be removed and
    made again (overlayfs documentation, "User xattr").
    """
    try:
        os.setxattr(folder, "user.lockgate", b"")
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return False
    os.removexattr(folder, "user.lockgate")
    return True


def _make_devices() -> None:
    kernel.mount("tmpfs", "root/dev", "tmpfs", kernel.MS_NOSUID, "size=64k,nr_inodes=64,mode=0755")
    for name in _DEVICES:
        target = Path("root/dev", name)
        target.touch()
        kernel.mount(f"/dev/{name}", str(target), flags=kernel.MS_BIND)
    for name in ("pts", "shm"):
        Path("root/dev", name).mkdir()
    # /dev/shm is a folder of the sandbox's tmpfs, so that it counts as disk.
    kernel.mount("shm", "root/dev/shm", flags=kernel.MS_BIND)
    kernel.mount(
        "devpts",
        "root/dev/pts",
        "devpts",
        kernel.MS_NOSUID | kernel.MS_NOEXEC,
        "newinstance,ptmxmode=0666,mode=620",
    )
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1"}
    for name, target_name in {**links, "stderr": "fd/2"}.items():
        Path("root/dev", name).symlink_to(target_name)


def _bind(source: int, target: str, *, writable: bool) -> None:
    place = Path(target.lstrip("/"))
    if stat.S_ISDIR(os.fstat(source).st_mode):
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    kernel.mount(f"/proc/self/fd/{source}", str(place), flags=kernel.MS_BIND | kernel.MS_REC)
    # A namespace may not drop what the host's own mount forbids, so say it again.
    kept = kernel.MS_NOEXEC if os.fstatvfs(source).f_flag & os.ST_NOEXEC else 0
    os.close(source)
    if not writable:
        flags = kernel.MS_BIND | kernel.MS_REMOUNT | kernel.MS_RDONLY | kept
        kernel.mount("", str(place), flags=flags | kernel.MS_NOSUID | kernel.MS_NODEV)


def _settle(resolver: str) -> None:
    socket.sethostname(HOST_NAME)
    # A further user namespace would give its maker every capability in it, and with them more of
    # the kernel to attack.
    Path("/proc/sys/user/max_user_namespaces").write_bytes(b"0")
    place = Path("/etc/resolv.conf")
    if place.is_symlink() or not place.exists() or place.read_bytes() != resolver.encode():
        place.unlink(missing_ok=True)
        place.write_bytes(resolver.encode())


# Runs


def _run(
    control: socket.socket, request: dict[str, Any], fds: list[int], upper: int
) -> dict[str, Any]:
    killed_before = _out_of_memory_kills()
    status_reader, status_writer = os.pipe()
    starter = os.fork()
    if starter == 0:
        try:
            control.close()
            os.close(status_reader)
            _start(request, fds, status_writer)
        finally:
            os._exit(1)
    os.close(status_writer)
    while fds:  # or the caller would never see the end of the output
        os.close(fds.pop())
    stopped = _watch(control, starter, request, upper)
    with os.fdopen(status_reader, "rb") as reader:
        text = reader.read(16)
    while True:  # the kernel reparents the run's init to this process
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    status = int(text) if text else -signal.SIGKILL
    killed = status == -signal.SIGKILL or (status and _out_of_memory_kills() > killed_before)
    # No limit was reached, so it was not for what the command did. A compiler that is killed is an
    # ordinary failure to whoever called it.
    return {"status": status, "stopped": stopped or ("host" if killed else None)}


def _out_of_memory_kills() -> int:
    """How often the kernel has killed a process of the host for its memory."""
    lines = Path("/proc/vmstat").read_bytes().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(b"oom_kill "))


def _watch(control: socket.socket, starter: int, request: dict[str, Any], upper: int) -> str | None:
    """Wait for the run's end, ending it early at a limit; return which."""
    ended = os.pidfd_open(starter)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(control, select.POLLIN)
    stopped: str | None = None
    while True:
        ready = [fd for fd, _ in poll.poll(_POLL_MILLISECONDS)]
        if control.fileno() in ready:
            try:
                message, _ = receive(control)
            except ConnectionError:
                os._exit(0)
            stopped = stopped or str(message["stop"])
        if ended in ready:
            os.close(ended)
            return stopped or _disk_full(upper)
        stopped = stopped or _exceeded(starter, request, upper)
        if stopped:
            os.kill(starter, signal.SIGKILL)


def _exceeded(starter: int, request: dict[str, Any], upper: int) -> str | None:
    own = {1, starter}
    pids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - names
    usage = [_usage(pid) for pid in pids if pid not in own]
    # The run's init is counted with what the command started: one more than it may have.
    threads = sum(count for count, _ in usage)
    if threads > request["processes"]:
        return "processes"
    resident = sum(pages for _, pages in usage) * resource.getpagesize()
    # Resident pages count shared ones many times; only near the limit ask for the exact number,
    # which is slow to compute.
    if resident > request["memory"]:
        resident = sum(_proportional(pid) for pid in pids if pid not in own)
    return "memory" if resident > request["memory"] else _disk_full(upper)


def _usage(pid: int) -> tuple[int, int]:
    """Threads and resident pages of a process (proc_pid_stat(5), fields 20 and 24)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:  # it has ended
        return 0, 0
    return int(fields[17]), int(fields[21])


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(b"Pss:"))


def _disk_full(upper: int) -> str | None:
    room = os.fstatvfs(upper)
    full = room.f_bavail * room.f_bsize < _DISK_NEARLY_FULL or room.f_favail == 0
    return "disk" if full else None


def _start(request: dict[str, Any], fds: list[int], status_writer: int) -> None:
    """Be the starter: make the run's namespaces and its init, and wait for it."""
    kernel.die_with_parent()
    spaces = kernel.CLONE_NEWPID | kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC
    kernel.unshare(spaces if request["network"] else spaces | kernel.CLONE_NEWNET)
    init = os.fork()
    if init == 0:
        kernel.die_with_parent()
        kernel.refuse_tracing()
        kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
        if not request["network"]:
            kernel.bring_loopback_up()
        _init(request, fds, status_writer)
    os.waitpid(init, 0)


def _init(request: dict[str, Any], fds: list[int], status_writer: int) -> NoReturn:
    command = os.fork()
    if command == 0:
        try:
            _execute(request, fds)
        except OSError as error:
            os.write(2, f"cannot run {request['command'][0]}: {error}\n".encode())
        finally:
            os._exit(_CANNOT_RUN)
    for fd in fds:
        os.close(fd)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == command:
            os.write(status_writer, str(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)


def _execute(request: dict[str, Any], fds: list[int]) -> None:
    os.setsid()
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
    os.closerange(len(fds), _OPEN_FILES[1])
    _limit(request)
    user = 0 if request["as_root"] else ORDINARY_USER
    kernel.keep_capabilities(_ROOT_CAPABILITIES if request["as_root"] else frozenset())
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    kernel.give_up_new_privileges()
    os.umask(0o022)
    os.chdir(request["folder"])
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and children inherit that
    os.execvpe(request["command"][0], request["command"], request["environment"])  # noqa: S606


def _limit(request: dict[str, Any]) -> None:
    limits = {
        resource.RLIMIT_AS: request["memory"] * _ADDRESS_SPACE_PER_MEMORY,
        resource.RLIMIT_NPROC: request["processes"],
        resource.RLIMIT_FSIZE: request["file_size"],
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in limits.items():
        _set_limit(kind, value, value)
    _set_limit(resource.RLIMIT_NOFILE, *_OPEN_FILES)


def _set_limit(kind: int, soft: int, hard: int) -> None:
    allowed = resource.getrlimit(kind)[1]
    if allowed != resource.RLIM_INFINITY:  # nobody here may raise what the caller was given
        soft, hard = min(soft, allowed), min(hard, allowed)
    resource.setrlimit(kind, (soft, hard))


# Files


def _open_folder(path: str, beneath: str | None = None) -> int:
    """Open a folder; with ``beneath``, walking down from it without following any link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    if beneath is None:
        return os.open(path, flags)
    folder = os.open(beneath, flags)
    for name in _parts(path):
        below = os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
        os.close(folder)
        folder = below
    return folder


def _open_file(path: str) -> int:
    *folders, name = _parts(path)
    folder = _open_folder("/".join(folders), beneath="/")
    try:
        # Nothing runs here that could put something else in its place between these two calls.
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(f"{path} is no regular file")
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)


def _write(path: str, mode: int, owner: int, content: int) -> None:
    *folders, name = _parts(path)
    folder = _open_folder("/", beneath="/")
    for part in folders:
        try:
            os.mkdir(part, 0o755, dir_fd=folder)
            os.chown(part, owner, owner, dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            pass
        below = os.open(
            part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder
        )
        os.close(folder)
        folder = below
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        opened = os.open(name, flags, mode, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(content, "rb", closefd=False) as source, os.fdopen(opened, "wb") as target:
        os.fchown(opened, owner, owner)
        os.fchmod(opened, mode)
        while chunk := source.read(1 << 20):
            target.write(chunk)


def _keep(upper: int, folder: int) -> int:
    """Copy the upper layer into an open folder, as ``root``; return its bytes."""
    os.mkdir("root", 0o755, dir_fd=folder)
    target = os.open("root", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        return copy_layer(upper, target, ORDINARY_USER)
    finally:
        os.close(target)


def _parts(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise OSError(f"{path} may not contain '..'")
    return parts


def _fill(fd: int, content: Any) -> None:
    with os.fdopen(fd, "wb", closefd=False) as file:
        file.write(json.dumps(content).encode())


if __name__ == "__main__":
    sys.exit("run by workers.sandbox.Sandbox, which passes it a socket")
