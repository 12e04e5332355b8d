"""The lines that say why a build failed are found in its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workers.build.failure import explain, first_lines, written
from workers.outcome import ChangeFault, InfrastructureFault, ProgramError
from workers.sandbox import Result, Stop

if TYPE_CHECKING:
    from pathlib import Path


def test_compilers_error_comes_before_its_consequences() -> None:
    log = """\
gcc -o greet greet.c
greet.c: In function 'main':
greet.c:5:9: error: expected ';' before '}' token
    5 |  puts("x")
      |           ^
make[1]: *** [Makefile:4: greet] Error 1
make[1]: Leaving directory '/build/work/greet-1.0'
dh_auto_build: error: make -j2 returned exit code 2
make: *** [debian/rules:4: binary] Error 25
dpkg-buildpackage: error: debian/rules binary subprocess returned exit status 2
"""
    found = first_lines(log)
    assert found[0] == "greet.c:5:9: error: expected ';' before '}' token"
    assert found[1] == '    5 |  puts("x")'
    assert "make: *** [debian/rules:4: binary] Error 25" in found
    assert "gcc -o greet greet.c" not in found


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (
            "No matching package to install: 'nothere'\nNot all dependencies satisfied\n",
            "No matching package to install: 'nothere'",
        ),
        (
            "Error:\n Problem: conflicting\n  - nothing provides y needed by x-1-1.noarch\n",
            "  - nothing provides y needed by x-1-1.noarch",
        ),
    ],
)
def test_what_dnf_cannot_find_is_found(said: str, found: str) -> None:
    assert first_lines(f"of-tests   393 kB/s | 1.1 kB   00:00\n{said}")[0] == found


def test_missing_dependencies_of_rpm_are_found() -> None:
    log = "setting x\nerror: Failed build dependencies:\n\tnothere is needed by count-1.2-1\n"
    assert first_lines(log) == [
        "error: Failed build dependencies:",
        "\tnothere is needed by count-1.2-1",
    ]


def test_a_link_failure_is_found() -> None:
    log = "/usr/bin/ld: x.o: in function `main':\nx.c:(.text+0x5): undefined reference to `f'\n"
    assert first_lines(log)[0] == "x.c:(.text+0x5): undefined reference to `f'"


def test_a_program_that_cannot_start_is_found() -> None:
    log = "tool: error while loading shared libraries: libx.so.1: no such file\nerror: Bad exit\n"
    assert first_lines(log)[0].startswith("tool: error while loading shared libraries: libx.so.1")


def test_without_a_known_error_the_end_is_shown() -> None:
    log = "\n".join(f"line {number}" for number in range(100))
    assert first_lines(log) == [f"line {number}" for number in range(80, 100)]


def test_at_most_twenty_lines_and_nothing_a_terminal_obeys() -> None:
    log = "a.c:1:1: \x1b[31merror:\x1b[0m bad\x07\r\n" * 50
    found = first_lines(log)
    assert len(found) == 20
    assert set(found) == {"a.c:1:1: error: bad"}


@pytest.mark.parametrize(
    ("stopped", "fault"),
    [
        (None, ChangeFault),
        (Stop.MEMORY, ChangeFault),
        (Stop.KILLED, ChangeFault),
        (Stop.HOST, InfrastructureFault),
    ],
)
def test_a_change_is_not_blamed_for_the_hosts_memory(
    tmp_path: Path, stopped: Stop | None, fault: type[ProgramError]
) -> None:
    (tmp_path / "log").write_text("cc1: fatal error: Killed signal terminated program cc1\n")
    result = Result(2, stopped, seconds=1, tail="", output=b"", why="why")
    found = explain(result, "building", tmp_path / "log", since=0)
    assert type(found) is fault
    assert found.facts["stopped"] is stopped


def test_what_was_said_before_is_no_reason(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("dpkg-checkbuilddeps: error: Unmet build dependencies: texinfo\n")
    begun = written(log)
    with log.open("a") as file:
        file.write("greet.c:5:9: error: expected ';'\n")
    result = Result(2, None, seconds=1, tail="", output=b"", why="why")
    assert explain(result, "building", log, begun).reason == (
        "building failed: greet.c:5:9: error: expected ';'"
    )
    assert written(tmp_path / "none") == 0
