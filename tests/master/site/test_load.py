"""A site file is taken whole or refused with the file, the line, the key and the mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from master.demo.layout import Layout, Ports
from master.demo.site_file import site_file
from master.site import SiteFileError, load_site


@pytest.fixture
def good() -> str:
    """The demonstration's own site file."""
    ports = Ports(*range(20001, 20008))
    keys = {"deb": "A" * 40, "rpm": "B" * 40}
    return site_file(Layout(Path("/srv/lockgate")), ports, keys, Path("/srv/known_hosts"))


def problems(text: str, folder: Path) -> list[str]:
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SiteFileError) as caught:
        load_site(path)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


def line_of(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


def test_the_demonstrations_site_file_is_good(good: str, tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(good, encoding="utf-8")
    site = load_site(path)
    assert site.packages_of("tree-packaging", "main") == ["tree"]
    assert site.release_of_branch("main") == "main"
    assert site.projects() == ["hello", "ncompress", "tree", "tree-packaging"]


def test_a_misspelt_key_is_named_with_its_line(good: str, tmp_path: Path) -> None:
    text = good.replace('codename = "bookworm"', 'codname = "bookworm"')
    found = problems(text, tmp_path)
    assert (
        f"{line_of(text, 'codname')}: releases.main.codname: "
        "this key is not known here; look for a misspelling" in found
    )
    table = line_of(text, "[releases.main]")
    assert f"{table}: releases.main.codename: this key is missing and has no default" in found


@pytest.mark.parametrize(
    "name", ["../hello", "a/../../b", "-rf", "a\\nb", "$(reboot)", "a;b", "/etc/passwd", ""]
)
def test_a_hostile_project_name_is_refused(good: str, tmp_path: Path, name: str) -> None:
    line = f'source = "{name}"'
    text = good.replace('source = "ncompress"', line)
    (problem, *_) = problems(text, tmp_path)
    assert problem.startswith(f"{line_of(text, line)}: packages.ncompress.source:")


def test_names_that_lead_nowhere_are_all_listed(good: str, tmp_path: Path) -> None:
    text = good.replace('mirrors = ["near", "far"]', 'mirrors = ["nearby"]').replace(
        'role = "signer"', 'role = "tester"\nroots = "/srv/roots"'
    )
    found = problems(text, tmp_path)
    assert any("there is no [mirrors.nearby]" in problem for problem in found)
    assert any("no worker with role `signer`" in problem for problem in found)


def test_a_release_without_a_key_for_its_packages_is_refused(good: str, tmp_path: Path) -> None:
    text = good.replace(f'rpm = "{"B" * 40}"\n', "")
    (problem,) = problems(text, tmp_path)
    assert "packages.tree" in problem
    assert "nothing is published unsigned" in problem


def test_mirrors_may_not_hold_up_publishing(good: str, tmp_path: Path) -> None:
    text = good.replace("max_builds = 4", "max_builds = 1")
    (problem,) = problems(text, tmp_path)
    assert "workers.repository-1.max_builds: a site with mirrors needs at least 2" in problem
    text = text.replace('mirrors = ["near", "far"]', "mirrors = []")
    path = tmp_path / "alone.toml"
    path.write_text(text, encoding="utf-8")
    assert load_site(path).a_worker("repository").max_builds == 1


def test_a_password_in_an_address_is_refused(good: str, tmp_path: Path) -> None:
    text = good.replace(
        'url = "http://127.0.0.1:20001"', 'url = "http://admin:secret@127.0.0.1:20001"'
    )
    (problem,) = problems(text, tmp_path)
    assert "gerrit.url" in problem
    assert "name a secret instead" in problem


def test_what_is_no_toml_is_refused_with_its_line(good: str, tmp_path: Path) -> None:
    (problem,) = problems(good + "\n[broken\n", tmp_path)
    assert "not valid TOML" in problem


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SiteFileError, match="cannot be read"):
        load_site(tmp_path / "nowhere.toml")


def test_keys_that_sign_no_more_are_still_known_to_clients(good: str, tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(f'{good}\n[releases.main.trusted]\nrpm = "{"C" * 40}"\n', encoding="utf-8")
    release = load_site(path).releases["main"]
    assert release.keys.of("rpm") == ("B" * 40,)
    assert release.public_keys("rpm") == ("B" * 40, "C" * 40)
    assert release.public_keys("deb") == ("A" * 40,)


def test_a_key_signs_or_does_not(good: str, tmp_path: Path) -> None:
    (problem,) = problems(f'{good}\n[releases.main.trusted]\nrpm = "{"B" * 40}"\n', tmp_path)
    assert "releases.main: key BBB" in problem
    assert "it signs or not" in problem


_BASE = """
[[rpm.base_repositories]]
url = "https://mirror.example.org/9/BaseOS/x86_64/os"
key_url = "https://mirror.example.org/RPM-GPG-KEY-9"
fingerprints = "0123456789ABCDEF0123456789ABCDEF01234567"
"""


def test_rpm_packages_can_be_built_by_mock_with_real_base_repositories(
    good: str, tmp_path: Path
) -> None:
    path = tmp_path / "site.toml"
    path.write_text(good + '[rpm]\nbuilder = "mock"\nmock_config = "rocky-9-x86_64"\n' + _BASE)
    rpm = load_site(path).rpm
    assert (rpm.mock_config, len(rpm.base_repositories)) == ("rocky-9-x86_64", 1)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('[rpm]\nbuilder = "mock"\n', "`mock_config` goes with"),
        ('[rpm]\nmock_config = "rocky-9-x86_64"\n', "`mock_config` goes with"),
        ('[rpm]\nbuilder = "mock"\nmock_config = "../x"\n', "may not contain '..'"),
        (_BASE.replace("0123456789ABCDEF0123456789ABCDEF01234567", "0123"), "a key's fingerprint"),
    ],
)
def test_a_wrong_way_to_build_rpm_packages_is_refused(
    good: str, tmp_path: Path, table: str, problem: str
) -> None:
    (found,) = problems(good + table, tmp_path)
    assert problem in found


def test_workers_of_one_role_are_set_up_alike(good: str, tmp_path: Path) -> None:
    other = '[workers.other]\nrole = "builder"\npassword_secret = "x"\nroots = "/srv/other"\n'
    (found,) = problems(good + other, tmp_path)
    assert "workers: all of role `builder` need the same `roots`, but" in found
    assert "other has /srv/other" in found
