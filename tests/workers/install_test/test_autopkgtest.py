"""What is read from ``debian/tests/control``."""

from __future__ import annotations

import pytest

from workers.install_test.autopkgtest import read_tests
from workers.outcome import ChangeFault


def test_files_and_commands() -> None:
    one, two, command = read_tests(
        "# a comment\nTests: one, two\nDepends: @, diffutils (>= 1) | other, gcc [amd64]\n"
        "Restrictions: allow-stderr skippable\nTests-Directory: more tests\n\n"
        "Test-Command: tool --version\nFeatures: test-name=version\n",
        "amd64",
    )
    assert [one.name, two.name, command.name] == ["one", "two", "version"]
    assert one.command == "chmod +x './more tests/one' && exec './more tests/one'"
    assert one.packages == ("@", "diffutils", "gcc")
    assert (one.allow_stderr, one.skippable, one.skipped) == (True, True, None)
    assert (command.command, command.packages) == ("tool --version", ("@",))
    assert not command.allow_stderr


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Restrictions: superficial, needs-internet", "its restriction needs-internet is not"),
        ("Depends: @, @builddeps@", "it needs @builddeps@"),
        ("Architecture: arm64", "it is not for amd64"),
    ],
)
def test_what_is_left_out_has_a_reason(line: str, reason: str) -> None:
    (test,) = read_tests(f"Tests: one\n{line}\n", "amd64")
    assert (test.skipped or "").startswith(reason)


@pytest.mark.parametrize(
    "control",
    [
        "Depends: @\n",
        "Tests: ../../bin/sh\n",
        "Tests: one\nTests-Directory: ../elsewhere\n",
        "Tests: one\nDepends: $(id)\n",
        "\n".join(f"Test-Command: {number}\n" for number in range(201)),
    ],
)
def test_files_that_are_wrong(control: str) -> None:
    with pytest.raises(ChangeFault, match="debian/tests/control"):
        read_tests(control, "amd64")
