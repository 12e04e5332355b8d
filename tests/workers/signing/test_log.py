"""The log of what was signed: nothing is signed without it, nothing in it changes unseen."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.workers.repository.programs import Outcome, program, refused, succeeded
from workers.outcome import BadRequest
from workers.signing.log import record, record_generation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_EARLY, _LATE = "20260101T000000.000000Z", "20260102T000000.000000Z"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A signer's home; no key is needed to keep a log in it."""
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    return path


def _sign(home: Path, generation: str, repository: str = "main/deb") -> str:
    return record_generation(home, repository, generation, [{"what": "Release"}])


def _log(home: Path) -> Path:
    return home / "signed.log"


def _entries(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _log(home).read_text().splitlines()]


def _verify(home: Path, *held: str) -> Outcome:
    named = [word for digest in held for word in ("--holds", digest)]
    return program("sign", "log", "verify", "--home", home, *named)


def test_an_older_generation_stays_known_however_much_was_signed_since(home: Path) -> None:
    _sign(home, _LATE)
    record(home, ({"what": f"package-{number}.rpm", "filler": "x" * 300} for number in range(2000)))
    with pytest.raises(BadRequest, match=f"is older than {_LATE}"):
        _sign(home, _EARLY)
    assert len(_entries(home)) == 2001
    _sign(home, _EARLY, "next/deb")
    _sign(home, _LATE)  # asked again after a crash


def test_a_line_cut_off_by_a_crash_takes_nothing_with_it(home: Path) -> None:
    _sign(home, _EARLY)
    with _log(home).open("a") as file:
        file.write('{"what": "Rel')
    _sign(home, _LATE)
    with pytest.raises(BadRequest, match="is older"):
        _sign(home, _EARLY)
    _, cut, last = _log(home).read_text().splitlines()
    assert cut == '{"what": "Rel'
    assert json.loads(last)["what"] == "Release"
    told = succeeded(_verify(home))
    assert (told["lines"], told["cut_off"]) == (3, 1)


def test_nothing_is_signed_when_its_line_does_not_fit(home: Path, tmp_path: Path) -> None:
    who = ("--name", "A signer", "--email", "signer@example.org")
    made = program("sign", "keys", "make", "--home", home, "--kind", "deb", *who)
    key = succeeded(made)["fingerprint"]
    record(home, ({"what": f"package-{number}.rpm"} for number in range(1000)))
    staged, out = tmp_path / "staged", tmp_path / "out"
    staged.mkdir()
    (staged / "Release").write_text(f"X-Lockgate-Generation: {_EARLY}\n")
    arguments = (
        *("sign", "metadata", "--home", home, "--key", key, "--repository", "main/deb"),
        *("--staged", staged, "--out", out, "--build", "1", "--requester", "Ann"),
    )
    # The kernel takes the line's first bytes, and no more of it (setrlimit(2), RLIMIT_FSIZE).
    limit = ("prlimit", f"--fsize={_log(home).stat().st_size + 50}")
    result = subprocess.run(
        [*limit, sys.executable, "-m", "workers.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 75, result.stdout + result.stderr
    assert "signed.log cannot be written, so nothing is signed" in result.stdout
    assert not out.exists()
    succeeded(program(*arguments))
    told = succeeded(_verify(home))
    assert (told["lines"], told["cut_off"]) == (1002, 1)


def test_those_who_sign_at_once_do_not_tear_the_chain(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from workers.signing.log import record\n"
        "for number in range(20): record(Path(sys.argv[1]), [{'what': f'{number}.rpm'}])"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, home]) for _ in range(3)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    assert succeeded(_verify(home))["lines"] == 60


def _changed(lines: list[str]) -> None:
    lines[1] = lines[1].replace("Release", "release")


def _taken_out(lines: list[str]) -> None:
    del lines[1]


def _put_in(lines: list[str]) -> None:
    lines.insert(1, lines[1])


def _made_unreadable(lines: list[str]) -> None:
    lines[1] = lines[1][:-5]


def _swapped(lines: list[str]) -> None:
    lines[0], lines[1] = lines[1], lines[0]


def _cut_at_the_end(lines: list[str]) -> None:
    del lines[-1]


def _last_changed(lines: list[str]) -> None:
    lines[-1] = lines[-1].replace("Release", "release")


@pytest.mark.parametrize(
    "tamper",
    [
        _changed,
        _taken_out,
        _put_in,
        _made_unreadable,
        _swapped,
        _cut_at_the_end,
        _last_changed,
        list.clear,
    ],
    ids=lambda tamper: tamper.__name__.strip("_"),
)
def test_tampering_shows(home: Path, tamper: Callable[[list[str]], None]) -> None:
    for number in range(4):
        _sign(home, f"2026010{number + 1}T000000.000000Z")
    assert succeeded(_verify(home))["lines"] == 4
    lines = _log(home).read_text().splitlines()
    tamper(lines)
    _log(home).write_text("".join(f"{line}\n" for line in lines))
    assert "signed.log" in refused(_verify(home), 2)


def test_a_log_that_was_written_anew_lacks_the_lines_that_builds_have_shown(home: Path) -> None:
    shown = _sign(home, _EARLY)
    assert succeeded(_verify(home, shown))["last"] == shown
    _log(home).unlink()
    _sign(home, _LATE)
    succeeded(_verify(home))
    assert f"has no line with SHA-256 {shown}" in refused(_verify(home, shown), 2)
