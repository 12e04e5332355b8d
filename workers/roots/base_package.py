"""The RPM package that tells rpm and dnf what a root made of Debian packages already holds.

It has no files. It provides what rpm's own dependency generator would have found in the root's
programs and libraries, so that packages built here resolve and install as on an RPM distribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.outcome import InfrastructureFault

if TYPE_CHECKING:
    from workers.sandbox import Result, Sandbox

NAME = "lockgate-base"

_PROGRAM_FOLDERS = ("/usr/bin", "/usr/sbin")
_LIBRARY_LINKS = {"/usr/bin": "/bin", "/usr/sbin": "/sbin"}
# What RPM distributions call some of what is in the root.
_RPM_NAMES = {
    "g++": "gcc-c++",
    "libc-bin": "glibc-common",
    "libc6": "glibc",
    "libc6-dev": "glibc-devel",
    "passwd": "shadow-utils",
    "perl-base": "perl-interpreter",
    "pkgconf": "pkgconf-pkg-config",
    "rpm": "rpm-build",
    "xz-utils": "xz",
}
# elfdeps ends with status 1 when some file is no library, as linker scripts are not.
_LIST_LIBRARIES = (
    "find /usr/lib /usr/lib64 -name '*.so*' -type f ! -path '*/python3*' ! -path '*/perl*'"
    " | { /usr/lib/rpm/elfdeps --assume-exec --provides || test $? = 1; }"
)
_LIST_PKGCONFIG = (
    "find /usr/lib /usr/share -path '*/pkgconfig/*.pc' -type f | /usr/lib/rpm/rpmdeps --provides"
)
# rpm's own generator reads every module for its version, which takes seconds.
_LIST_PERL = (
    "echo 'perl(strict)'; perl -e 'print map { qq($_\\n) } grep { -d } @INC'"
    ' | while read -r top; do find -L "$top" -name "*.pm" -printf "%P\\n"; done'
    " | sed 's|\\.pm$|)|; s|/|::|g; s|^|perl(|'"
)
_LIST_PACKAGES = ("dpkg-query", "--show", "--showformat", "${Package} ${Version}\n")
_SPEC = "/root/base.spec"
# Where RPM distributions put things and Debian does not; and their way to packages of debugging
# symbols, one for each package and one of the sources (rpm's own macros describe the names).
_SETTINGS = {
    "/etc/rpm/macros": """\
%_dbpath /var/lib/rpm
%_sharedstatedir /var/lib
%_unitdir /usr/lib/systemd/system
%_enable_debug_packages 1
%_debugsource_packages 1
%_debuginfo_subpackages 1
%_unique_build_ids 1
%_unique_debug_names 1
%_unique_debug_srcs 1
%install %{?_enable_debug_packages:%{?buildsubdir:%{debug_package}}}\\
%%install\\
%{nil}
""",
    "/etc/ld.so.conf.d/lib64.conf": "/usr/lib64\n",
}


def install_base_package(sandbox: Sandbox, version: str) -> None:
    """Make the package for the root as it is now and install it, over an older one if need be."""
    for path, text in _SETTINGS.items():
        sandbox.write(path, text.encode())
    sandbox.write("/etc/dnf/protected.d/base.conf", f"{NAME}\n".encode())
    sandbox.write(_SPEC, spec(_provided(sandbox, version), version).encode())
    _done(sandbox.run(["rpmbuild", "-bb", "--define", "_topdir /root/base", _SPEC], as_root=True))
    package = f"/root/base/RPMS/noarch/{NAME}-{version}-1.noarch.rpm"
    # Debian's rpm installs nothing unless it is told that this is meant.
    _done(sandbox.run(["rpm", "--upgrade", "--force", "--force-debian", package], as_root=True))
    _done(sandbox.run(["rm", "-r", "/root/base", _SPEC], as_root=True))


def spec(provided: set[str], version: str) -> str:
    """Return the spec of a package with no files that provides these capabilities."""
    provides = "".join(f"Provides: {capability}\n" for capability in sorted(provided))
    return (
        f"Name: {NAME}\nVersion: {version}\nRelease: 1\n"
        "Summary: What this root provides\nLicense: GPL-2.0-or-later\nBuildArch: noarch\n"
        f"{provides}%description\nWhat this root provides by itself.\n%files\n"
    )


def capabilities(packages: dict[str, str], programs: set[str]) -> set[str]:
    """Return what Debian packages (name -> version) and programs amount to for rpm."""
    found = set()
    for name, version in packages.items():
        plain = _upstream(version)
        found.add(f"{name} = {plain}")
        if name in _RPM_NAMES:
            found.add(f"{_RPM_NAMES[name]} = {plain}")
    for program in programs:
        folder, _, name = program.rpartition("/")
        found |= {program, f"{_LIBRARY_LINKS[folder]}/{name}"}
    return found


def _provided(sandbox: Sandbox, version: str) -> set[str]:
    packages = dict(
        line.split() for line in _done(sandbox.run(_LIST_PACKAGES, capture=True)).splitlines()
    )
    programs = {
        f"{folder}/{name}"
        for folder in _PROGRAM_FOLDERS
        for name in sandbox.names(folder)
        if " " not in name and name != "["
    }
    found = capabilities(packages, programs)
    for listing in (_LIST_LIBRARIES, _LIST_PKGCONFIG, _LIST_PERL):
        found.update(_done(sandbox.run(["sh", "-c", listing], capture=True)).splitlines())
    found |= {"rtld(GNU_HASH)", f"system-release(releasever) = {version}"}
    if "python3" in packages:
        major, minor, *_ = _upstream(packages["python3"]).split(".")
        found.add(f"python(abi) = {major}.{minor}")
    return found


def _upstream(version: str) -> str:
    """Return a Debian version without epoch and revision, in characters rpm allows."""
    plain = version.partition(":")[2] or version
    return plain.rpartition("-")[0].replace("-", ".") or plain


def _done(result: Result) -> str:
    if not result.success:
        raise InfrastructureFault(f"the base package cannot be made: {result.why}", result.tail)
    return result.output.decode()
