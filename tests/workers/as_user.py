"""Runs Lockgate's programs and functions of tests as a worker's unprivileged system user."""

from __future__ import annotations

import compileall
import contextlib
import importlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.users import ensure_user

if TYPE_CHECKING:
    import pwd
    from collections.abc import Callable, Iterator

_CHECKOUT = Path(__file__).parents[2]
_SECONDS = 500
_USER = "lockgate-test"


@dataclass(frozen=True)
class Outcome:
    """How a program ended: its status, its one JSON object, and what else it said."""

    status: int
    answer: dict[str, Any]
    said: str


@dataclass(frozen=True)
class Worker:
    """A system user, a readable copy of the code, and folders that are the user's."""

    user: pwd.struct_passwd
    code: Path
    scratch: Path
    roots: Path
    _folders: list[Path] = field(default_factory=list)

    def folder(self, name: str) -> Path:
        """A new empty folder of the user's."""
        path = self.scratch / f"{len(self._folders)}-{name}"
        path.mkdir()
        os.chown(path, self.user.pw_uid, self.user.pw_gid)
        self._folders.append(path)
        return path

    def tree(self, original: Path) -> Path:
        """A copy of a tree that the user may read and a test may change."""
        path = self.folder("tree")
        shutil.copytree(original, path, dirs_exist_ok=True, symlinks=True)
        return path

    def root(self, kind: str) -> Path:
        """A root image of the user's, made if need be."""
        made = self.program("root", "make", "--kind", kind, "--cache", self.roots)
        assert made.status == 0, made.answer
        return Path(made.answer["root"])

    def program(self, *arguments: str | Path) -> Outcome:
        """Run ``lockgate-worker`` to its end."""
        with self.started(*arguments) as process:
            output, said = process.communicate(timeout=_SECONDS)
        try:
            answer = json.loads(output)
        except ValueError as error:
            raise AssertionError(f"no JSON object: {output!r}\n{said}") from error
        return Outcome(process.returncode, answer, said)

    @contextlib.contextmanager
    def started(self, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
        """Start ``lockgate-worker``; it is killed when the block is left."""
        command = [sys.executable, "-m", "workers.cli", *map(str, arguments)]
        with subprocess.Popen(
            self.as_user(command),
            cwd=self.code,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of a test module in a process of the user's; return what it returns."""
        task = pickle.dumps((function.__module__, function.__name__, arguments))
        done = subprocess.run(
            self.as_user([sys.executable, "-m", "tests.workers.as_user"]),
            cwd=self.code,
            env=self.environment(),
            input=task,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(done.stderr.decode(errors="replace"))
        returned, answer = pickle.loads(done.stdout)  # noqa: S301 - from our own process
        if not returned:
            raise answer
        return answer

    def as_user(self, command: list[str]) -> list[str]:
        """The command line that runs a command as the user."""
        ids = [f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--init-groups"]
        return ["setpriv", *ids, "--", *command]

    def environment(self) -> dict[str, str]:
        """What the worker's processes are given."""
        return {
            "HOME": self.user.pw_dir,
            "LC_ALL": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            # What no build may see.
            "LOCKGATE_SECRET": "s3cret-of-the-worker",
        }


@contextlib.contextmanager
def temporary_worker() -> Iterator[Worker]:
    """A worker, whose folders end with the block but for root images below STATE."""
    user = ensure_user(_USER)
    # pytest's own folders are closed to other users.
    made = Path(tempfile.mkdtemp(prefix="lockgate-test-", dir="/var/tmp"))
    state = Path(os.environ["STATE"]) if "STATE" in os.environ else made
    try:
        made.chmod(0o755)
        code, scratch, roots = made / "code", made / "scratch", state / "test-roots"
        copy_code(code)
        for folder in (scratch, roots):
            folder.mkdir(exist_ok=True)
            os.chown(folder, user.pw_uid, user.pw_gid)
        yield Worker(user, code, scratch, roots)
    finally:
        shutil.rmtree(made)


def copy_code(to: Path) -> None:
    """Copy the checkout's modules to where any user may read them."""
    for name in ("workers", "tests"):
        shutil.copytree(_CHECKOUT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        # The user may not write there, and to compile takes longer than some programs' work.
        compileall.compile_dir(to / name, quiet=1)
    for path in (to, *to.rglob("*")):
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o644))


def _answer_one_call() -> None:
    module, name, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own process
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        answer = (True, getattr(importlib.import_module(module), name)(*arguments))
    except Exception as error:  # noqa: BLE001 - raised again by the caller
        answer = (False, error)
    with answers:
        pickle.dump(answer, answers)


if __name__ == "__main__":
    _answer_one_call()
