"""What a sandbox promises, tried with real commands as a worker's unprivileged user."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.workers.processes import (
    descendants,
    marker,
    namespace_pids,
    parent,
    running,
    still_there,
    wait_until,
)
from workers.outcome import BadRequest, ChangeFault, InfrastructureFault
from workers.sandbox import Bind, Entry, Limits, Result, Sandbox, Stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.workers.as_user import Worker

_SMALL = Limits(disk=64 << 20, memory=256 << 20, processes=40, seconds=60, log=1 << 20)
_FAST = 10
_OUT = "/tmp/out"  # noqa: S108 - in the sandbox


def _run(
    root: Path,
    *commands: str,
    limits: Limits = _SMALL,
    as_root: bool = False,
    network: bool = False,
    log: Path | None = None,
    seconds: float | None = None,
) -> list[Result]:
    with Sandbox(root, limits=limits, log=log) as sandbox:
        return [
            sandbox.run(
                ["bash", "-c", command],
                as_root=as_root,
                network=network,
                capture=log is None,
                seconds=seconds,
            )
            for command in commands
        ]


def _run_logged(root: Path, command: str, log: Path) -> Result:
    return _run(root, command, log=log)[0]


def _run_as_root(root: Path, *commands: str) -> list[Result]:
    return _run(root, *commands, as_root=True)


def _run_with_network(root: Path, command: str) -> Result:
    return _run(root, command, network=True)[0]


def _run_for_seconds(root: Path, command: str, seconds: float) -> Result:
    return _run(root, command, seconds=seconds)[0]


def _texts(results: Sequence[Result]) -> list[str]:
    return [result.output.decode().strip() for result in results]


class TestWhatIsVisible:
    """A command sees the image and itself, nothing of the host."""

    def test_only_the_images_folders(self, worker: Worker, deb_install_root: Path) -> None:
        listing, processes, host, mounts = _texts(
            worker.call(
                _run,
                deb_install_root,
                "ls -A /",
                "echo /proc/[0-9]*",
                "cat /proc/sys/kernel/hostname",
                "cat /proc/self/mountinfo",
            )
        )
        assert set(listing.split()) == {path.name for path in deb_install_root.iterdir()}
        assert processes == "/proc/1 /proc/2"
        assert host == "lockgate"
        assert str(worker.roots) not in mounts.replace("lowerdir=image", "")

    def test_nothing_is_inherited(self, worker: Worker, deb_install_root: Path) -> None:
        environment, files, stdin = _texts(
            worker.call(
                _run,
                deb_install_root,
                "env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'",
                "ls /proc/self/fd | wc -l",
                "cat | wc -c",
            )
        )
        names = {line.partition("=")[0] for line in environment.splitlines()}
        assert names <= {
            *("PATH", "LC_ALL", "TZ", "TERM", "HOME", "USER", "PWD", "SHLVL", "_", "LOGNAME")
        }
        assert "s3cret" not in environment
        assert files == "4"  # the three usual ones and the folder that ls reads
        assert stdin == "0"

    def test_ordinary_user_has_no_rights(self, worker: Worker, deb_install_root: Path) -> None:
        results = worker.call(
            _run,
            deb_install_root,
            "id -u; grep -E 'CapBnd|CapEff|NoNewPrivs' /proc/self/status",
            "echo x >/etc/passwd",
            "unshare --user true",
        )
        assert results[0].output.decode().split() == [
            "1000",
            *("CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1"),
        ]
        assert not results[1].success
        assert not results[2].success

    def test_root_of_the_namespace_can_install_but_not_mount(
        self, worker: Worker, deb_install_root: Path
    ) -> None:
        installed, mounted, unmounted, hosts = worker.call(
            _run_as_root,
            deb_install_root,
            "id -u && chown 42:42 /etc/passwd && touch /usr/bin/new",
            "mount -t tmpfs none /mnt",
            "umount /proc",
            "echo 1 >/proc/sys/kernel/sysrq",
        )
        assert installed.success
        assert not mounted.success
        assert not unmounted.success
        assert not hosts.success

    def test_image_stays_as_it_was(self, worker: Worker, deb_install_root: Path) -> None:
        first, second = worker.call(
            _run_as_root, deb_install_root, "rm -r /etc && touch /new", "ls -d /etc /new"
        )
        assert first.success
        assert "/new" in second.output.decode()
        assert not (deb_install_root / "new").exists()
        assert (deb_install_root / "etc/passwd").exists()

    def test_binds_are_read_only_unless_said(self, worker: Worker, deb_install_root: Path) -> None:
        closed, opened = worker.folder("closed"), worker.folder("opened")
        (closed / "file").write_text("of the host")
        opened.chmod(0o777)
        text, refused, allowed = worker.call(_with_binds, deb_install_root, closed, opened)
        assert text.output == b"of the host"
        assert not refused.success
        assert allowed.success
        assert (opened / "made").exists()


def _with_binds(root: Path, closed: Path, opened: Path) -> list[Result]:
    binds = [Bind(closed, "/mnt/closed"), Bind(opened, "/mnt/opened", writable=True)]
    with Sandbox(root, limits=_SMALL, binds=binds) as sandbox:
        return [
            sandbox.run(["cat", "/mnt/closed/file"], capture=True),
            sandbox.run(["touch", "/mnt/closed/made"], as_root=True),
            sandbox.run(["touch", "/mnt/opened/made"]),
        ]


class TestNetwork:
    """Only runs that are given the network have it."""

    def test_host_is_reached_only_when_said(self, worker: Worker, deb_install_root: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            connect = f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected"
            (without,) = worker.call(_run, deb_install_root, connect)
            with_network = worker.call(_run_with_network, deb_install_root, connect)
        assert not without.success
        assert with_network.output == b"connected\n"

    def test_own_loopback_works_without_it(self, worker: Worker, deb_install_root: Path) -> None:
        listen = (
            "perl -MIO::Socket::INET -e "
            "'$s = IO::Socket::INET->new(Listen => 1, LocalAddr => q(127.0.0.1)) or die;"
            " $c = IO::Socket::INET->new(PeerAddr => q(127.0.0.1), PeerPort => $s->sockport)"
            " or die; print qq(connected\\n)'; grep -c : /proc/net/dev"
        )
        (result,) = worker.call(_run, deb_install_root, listen)
        assert result.output.decode().split() == ["connected", "1"]


class TestStops:
    """Each limit ends the run, says which it was, and leaves the sandbox usable."""

    @pytest.mark.parametrize(
        ("command", "stop", "why"),
        [
            ("yes", Stop.LOG, "stopped: it printed more than 1 MiB"),
            ("yes >/tmp/full", Stop.DISK, "stopped: the disk is full (64 MiB)"),
            (
                "for i in {1..70000}; do echo >/tmp/$i; done",
                Stop.DISK,
                "stopped: the disk is full (64 MiB)",
            ),
            (
                "perl -e '$x = q(x) x (400 << 20); sleep 60'",
                Stop.MEMORY,
                "stopped: it used more than 256 MiB of memory",
            ),
            (
                "for i in 1 2 3 4 5 6; do perl -e '$x = q(x) x (30 << 20); sleep 60' & done; wait",
                Stop.MEMORY,
                "stopped: it used more than 256 MiB of memory",
            ),
            (
                ":() { : | : & }; :; sleep 60",
                Stop.PROCESSES,
                "stopped: it had more than 40 processes and threads",
            ),
            ("kill -SEGV $$", Stop.KILLED, "it was killed by signal 11"),
            (
                "kill -KILL $$",
                Stop.HOST,
                "it was killed, as the kernel does when the host's memory runs out",
            ),
        ],
    )
    def test_reason_is_told_apart(
        self, worker: Worker, deb_install_root: Path, command: str, stop: Stop, why: str
    ) -> None:
        log = worker.folder("log") / "log"
        stopped, next_one = worker.call(_run_twice, deb_install_root, command, log)
        assert (stopped.stopped, stopped.why) == (stop, why)
        assert not stopped.success
        assert next_one.success or stop in {Stop.LOG, Stop.DISK}

    def test_time(self, worker: Worker, deb_install_root: Path) -> None:
        started = time.monotonic()
        result = worker.call(_run_for_seconds, deb_install_root, "trap '' TERM; sleep 600", 0.5)
        assert (result.stopped, result.why) == (Stop.TIME, "stopped: it ran longer than 0.5 s")
        assert time.monotonic() - started < _FAST

    def test_log_keeps_beginning_and_end(self, worker: Worker, deb_install_root: Path) -> None:
        log = worker.folder("log") / "log"
        command = "echo first; while echo filling >&2; do :; done"
        result = worker.call(_run_logged, deb_install_root, command, log)
        text = log.read_text()
        assert result.stopped is Stop.LOG
        assert text.startswith("first\nfilling\n")
        assert "bytes left out here]" in text
        assert "filling" in text[-20:]
        assert len(text) < (1 << 20) + (128 << 10)

    def test_a_large_file_is_refused(self, worker: Worker, deb_install_root: Path) -> None:
        limits = Limits(file_size=1 << 20, disk=64 << 20)
        (result,) = worker.call(_run_limited, deb_install_root, limits)
        assert result.status != 0
        assert result.output == b"1048576\n"


def _run_twice(root: Path, command: str, log: Path) -> list[Result]:
    with Sandbox(root, limits=_SMALL, log=log) as sandbox:
        return [sandbox.run(["bash", "-c", text]) for text in (command, "true")]


def _run_limited(root: Path, limits: Limits) -> list[Result]:
    command = "head -c 2M /dev/zero >/tmp/file; status=$?; stat -c %s /tmp/file; exit $status"
    return _run(root, command, limits=limits)


class TestEnds:
    """Nothing that a command started outlives it, the sandbox, or its caller."""

    def test_a_daemon_ends_with_its_command(self, worker: Worker, deb_install_root: Path) -> None:
        mark = marker()
        daemon = f"setsid nohup sh -c 'trap \"\" HUP TERM; sleep {mark}' >/dev/null 2>&1 & disown"
        first, seen = worker.call(
            _run, deb_install_root, daemon, "grep -l sleep /proc/[0-9]*/comm || echo none"
        )
        assert first.success
        assert seen.output == b"none\n"
        assert running(mark) == []

    def test_everything_ends_when_the_caller_is_killed(
        self, worker: Worker, deb_install_root: Path
    ) -> None:
        mark = marker()
        with _sleeping(worker, deb_install_root, mark) as caller:
            wait_until(lambda: len(running(mark)) > 1, "the command to start")
            started = descendants(caller.pid)
            caller.send_signal(signal.SIGKILL)
            caller.wait(_FAST)
            wait_until(lambda: not still_there(started), "the sandbox's processes to end")
        assert len(started) >= 5

    def test_a_killed_supervisor_is_the_infrastructures_fault(
        self, worker: Worker, deb_install_root: Path
    ) -> None:
        mark = marker()
        killer = threading.Thread(target=_kill_first_of, args=(mark, worker))
        killer.start()
        with pytest.raises(InfrastructureFault, match="sandbox does not answer"):
            worker.call(_run, deb_install_root, f"sleep {mark}")
        killer.join(_FAST)

    def test_status_and_tail_are_the_commands(self, worker: Worker, deb_install_root: Path) -> None:
        log = worker.folder("log") / "log"
        result = worker.call(_run_logged, deb_install_root, "echo wrong >&2; exit 3", log)
        assert (result.status, result.stopped, result.tail) == (3, None, "wrong")
        assert result.why == "it ended with status 3"

    def test_a_missing_program_is_named(self, worker: Worker, deb_install_root: Path) -> None:
        result = worker.call(_run_missing, deb_install_root)
        assert result.status == 127
        assert "cannot run nothere" in result.tail

    def test_a_missing_image_is_a_bad_request(self, worker: Worker) -> None:
        with pytest.raises(BadRequest, match="no root image at /nowhere"):
            worker.call(_run, Path("/nowhere"), "true")


def _run_missing(root: Path) -> Result:
    with Sandbox(root) as sandbox:
        return sandbox.run(["nothere"])


def _sleeping(worker: Worker, root: Path, mark: str) -> subprocess.Popen[bytes]:
    program = (
        "import sys; from pathlib import Path; from workers.sandbox import Sandbox\n"
        "with Sandbox(Path(sys.argv[1])) as sandbox: sandbox.run(['sleep', sys.argv[2]])"
    )
    return subprocess.Popen(
        worker.as_user([sys.executable, "-c", program, str(root), mark]),
        cwd=worker.code,
        env=worker.environment(),
    )


def _kill_first_of(mark: str, worker: Worker) -> None:
    """Kill the namespace's process 1 once the marked command runs."""
    pid = wait_until(lambda: running(mark), "the command to start")[-1]
    while namespace_pids(pid)[1:] != [1]:
        pid = parent(pid)
    os.kill(pid, signal.SIGKILL)


class TestFiles:
    """Files go in and out without following what a command put in their way."""

    def test_written_files_are_where_and_whose_they_should_be(
        self, worker: Worker, deb_install_root: Path
    ) -> None:
        text, owner = worker.call(_write_and_look, deb_install_root)
        assert text == b"content"
        assert owner == "1000 600"

    @pytest.mark.parametrize(
        ("preparation", "reason"),
        [
            ("ln -s /etc/passwd /tmp/out/x", "no regular file"),
            ("mkfifo /tmp/out/x", "no regular file"),
            ("mkdir /tmp/out/x", "no regular file"),
            ("perl -MSocket -e 'socket(S,AF_UNIX,1,0); bind(S,sockaddr_un(q(/tmp/out/x)))'", "no"),
            ("head -c 2000 /dev/zero >/tmp/out/x", "more than the 1000 allowed"),
        ],
    )
    def test_only_small_regular_files_come_out(
        self, worker: Worker, deb_install_root: Path, preparation: str, reason: str
    ) -> None:
        to = worker.folder("to")
        with pytest.raises(ChangeFault, match=reason):
            worker.call(_copy_out, deb_install_root, preparation, to)
        assert list(to.iterdir()) == []

    def test_a_linked_folder_is_not_entered(self, worker: Worker, deb_install_root: Path) -> None:
        with pytest.raises(InfrastructureFault, match="Not a directory"):
            worker.call(
                _copy_out, deb_install_root, "rmdir /tmp/out; ln -s /etc /tmp/out", worker.scratch
            )

    def test_regular_files_come_out(self, worker: Worker, deb_install_root: Path) -> None:
        to = worker.folder("to")
        worker.call(_copy_out, deb_install_root, "echo one >/tmp/out/a; echo two >/tmp/out/b", to)
        assert {path.name: path.read_text() for path in to.iterdir()} == {
            "a": "one\n",
            "b": "two\n",
        }


def _write_and_look(root: Path) -> tuple[bytes, str]:
    with Sandbox(root, limits=_SMALL) as sandbox:
        sandbox.write("/build/new/folder/file", b"old")
        sandbox.write("/build/new/folder/file", b"content", mode=0o600, owner=1000)
        look = sandbox.run(["stat", "-c", "%u %a", "/build/new/folder/file"], capture=True)
        return sandbox.read("/build/new/folder/file"), look.output.decode().strip()


def _copy_out(root: Path, preparation: str, to: Path) -> None:
    with Sandbox(root, limits=_SMALL) as sandbox:
        assert sandbox.run(["mkdir", _OUT]).success
        assert sandbox.run(["bash", "-c", preparation]).success
        sandbox.copy_out(_OUT, to, limit=1000)


class TestChanges:
    """changes() says how the root differs from its image, and nothing else."""

    def test_nothing_has_changed_at_first(self, worker: Worker, deb_install_root: Path) -> None:
        assert worker.call(_changes, deb_install_root, "true") == {}

    def test_additions_edits_and_removals(self, worker: Worker, deb_install_root: Path) -> None:
        found = worker.call(
            _changes,
            deb_install_root,
            "mkdir /new && echo hello >/new/file && ln -s file /new/link && rm /etc/motd"
            " ; chmod 700 /srv; rm /etc/hosts; rm -r /etc/dpkg; mkdir /etc/dpkg;"
            " mkfifo /new/fifo",
        )
        expected = {
            "/new": Entry("folder", 0o755, 0, 0, 0, ""),
            "/new/file": Entry(
                "file",
                0o644,
                0,
                0,
                6,
                "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
            ),
            "/new/link": Entry("link", 0o777, 0, 0, 4, "file"),
            "/new/fifo": Entry("fifo", 0o644, 0, 0, 0, ""),
            "/srv": Entry("folder", 0o700, 0, 0, 0, ""),
            "/etc/hosts": None,
        }
        assert found.items() >= expected.items()
        below = {path for path in found if path.startswith("/etc/dpkg/")}
        assert "/etc/dpkg/dpkg.cfg" in below
        assert {found[path] for path in below} == {None}
        assert "/etc/dpkg" not in found

    def test_what_is_as_before_is_no_change(self, worker: Worker, deb_install_root: Path) -> None:
        restored = (
            "cp -a /etc/passwd /tmp/x; rm /etc/passwd; touch /etc/dpkg/dpkg.cfg;"
            " cp -a /tmp/x /etc/passwd; rm /tmp/x; cp -a /etc/dpkg /tmp/y; rm -r /etc/dpkg;"
            " mv /tmp/y /etc/dpkg"
        )
        assert worker.call(_changes, deb_install_root, restored) == {}

    def test_excluded_paths_are_left_out(self, worker: Worker, deb_install_root: Path) -> None:
        made = "mkdir /a /b; touch /a/x /b/x /c"
        found = worker.call(_changes, deb_install_root, made, ("/a", "/c"))
        assert set(found) == {"/b", "/b/x"}


def _changes(root: Path, command: str, exclude: Sequence[str] = ()) -> dict[str, Entry | None]:
    with Sandbox(root, limits=_SMALL) as sandbox:
        before = sandbox.changes()
        assert set(before) <= {"/etc/resolv.conf"}
        sandbox.run(["bash", "-c", command], as_root=True)
        return {path: x for path, x in sandbox.changes(exclude).items() if path not in before}
