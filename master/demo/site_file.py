"""The demonstration's site file: a complete example of what a site declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from master.demo.layout import CODENAME, MIRRORS, RELEASE

if TYPE_CHECKING:
    from pathlib import Path

    from master.demo.layout import Layout, Ports


def site_file(layout: Layout, ports: Ports, keys: dict[str, str], known_hosts: Path) -> str:
    """Write out the site of the demonstration; ``keys`` maps formats to fingerprints."""
    served = f"http://127.0.0.1:{ports.repositories}"
    mirrors = "\n".join(
        f"""
[mirrors.{name}]
rsync = "rsync://lockgate@127.0.0.1:{ports.rsync}/{name}"
url = "http://127.0.0.1:{ports.mirrors}/{name}"
password_file = "{layout.worker("repository-1") / "rsync-password"}"
""".strip()
        for name in MIRRORS
    )
    return f"""\
# The site of Lockgate's demonstration. Written by `lockgate demo`; yours looks the same.
title = "Lockgate demo"

[gerrit]
url = "http://127.0.0.1:{ports.gerrit_http}"
ssh_host = "127.0.0.1"
ssh_port = {ports.gerrit_ssh}
user = "lockgate"
identity_file = "{layout.secrets / "gerrit-ssh-key"}"
known_hosts = "{known_hosts}"
reconcile_seconds = 60

[master]
worker_port = "tcp:{ports.worker}:interface=127.0.0.1"
secrets = "{layout.secrets}"

[web]
port = {ports.web}
url = "http://127.0.0.1:{ports.web}"

[artifacts]
root = "{layout.served / "artifacts"}"
url = "{served}/artifacts"

[repositories]
root = "{layout.served}"
url = "{served}"

[releases.{RELEASE}]
branch = "main"
codename = "{CODENAME}"
mirrors = [{", ".join(f'"{name}"' for name in MIRRORS)}]

[releases.{RELEASE}.keys]
deb = "{keys["deb"]}"
rpm = "{keys["rpm"]}"

{mirrors}

[packages.hello]
format = "deb"
source = "hello"
releases = ["{RELEASE}"]

[packages.ncompress]
format = "deb"
source = "ncompress"
releases = ["{RELEASE}"]

[packages.tree]
format = "rpm"
source = "tree"
packaging = "tree-packaging"
spec = "tree.spec"
smoke = "smoke-test"
releases = ["{RELEASE}"]

[workers.builder-1]
role = "builder"
password_secret = "worker-builder-1"
roots = "{layout.roots("lockgate-builder")}"

[workers.repository-1]
role = "repository"
password_secret = "worker-repository-1"
max_builds = 4
signing_home = "{layout.signing_home("repository-1")}"

[workers.signer-1]
role = "signer"
password_secret = "worker-signer-1"
signing_home = "{layout.signing_home("signer-1")}"

[workers.tester-1]
role = "tester"
password_secret = "worker-tester-1"
roots = "{layout.roots("lockgate-tester")}"

[build_limits]
seconds = 600
memory_mib = 2048
disk_mib = 2048
processes = 512
log_mib = 16

[test_limits]
seconds = 300
memory_mib = 1024
disk_mib = 2048
processes = 256
log_mib = 16
"""
