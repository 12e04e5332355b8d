# The two commands a newcomer needs are `make demo` and `make test`; both set up what they need.

CHECKOUT := $(abspath .)
STATE ?= /var/lib/lockgate/$(notdir $(CHECKOUT))-$(shell printf %s '$(CHECKOUT)' | sha256sum | cut -c1-8)
VENV := $(STATE)/venv
BIN := $(VENV)/bin
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
# Debian's own interpreter: workers run as other users, who cannot read one in somebody's home.
PYTHON ?= /usr/bin/python3
APT_PACKAGES := $(shell sed '/\[[a-z]*\]/d; s/\#.*//' apt-packages.txt)
APT_PACKAGES_OF_TESTS := $(shell sed -n '/\[tests\]/s/\#.*//p' apt-packages.txt)
APT_PACKAGES_OF_BENCH := $(shell sed -n '/\[bench\]/s/\#.*//p' apt-packages.txt)
# Installs the packages named, if one of them is missing.
define apt_install
	$(SUDO) mkdir -p $(STATE)
	dpkg-query --status $(1) >/dev/null 2>&1 || { $(SUDO) apt-get update -qq && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1); }
	$(SUDO) touch $@
endef
SOURCES := $(shell find master schedulers steps workers -type f -not -path '*/__pycache__/*') setup.py

.PHONY: help install demo test test-unit test-packages test-faults bench lint format clean

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

$(STATE)/apt.stamp: apt-packages.txt
	$(call apt_install,$(APT_PACKAGES))

$(STATE)/apt-tests.stamp: apt-packages.txt $(STATE)/apt.stamp
	$(call apt_install,$(APT_PACKAGES_OF_TESTS))

$(STATE)/apt-bench.stamp: apt-packages.txt $(STATE)/apt.stamp
	$(call apt_install,$(APT_PACKAGES_OF_BENCH))

$(STATE)/venv.stamp: setup.py $(STATE)/apt.stamp
	$(SUDO) $(PYTHON) -m venv --clear $(VENV)
	$(SUDO) $(BIN)/pip install --quiet --disable-pip-version-check '.[demo,tests,bench]'
	$(SUDO) touch $@

$(STATE)/install.stamp: $(SOURCES) $(STATE)/venv.stamp
	$(SUDO) rm -rf build
	$(SUDO) $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall .
	$(SUDO) rm -rf build *.egg-info
	$(SUDO) touch $@

install: $(STATE)/install.stamp ## install Debian packages, the virtual environment and Lockgate in it

demo: install ## run the main job on real parts (ONESHOT=1: exit at the end)
	$(SUDO) $(BIN)/lockgate demo --data $(STATE)/demo $(if $(ONESHOT),--oneshot)

lint: install ## ruff and type checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test-unit: install ## lint, then the fast tests
	$(MAKE) lint
	$(SUDO) $(BIN)/python -m pytest --ignore tests/end_to_end

test: lint $(STATE)/apt-tests.stamp ## everything
	$(SUDO) env STATE=$(STATE) $(BIN)/python -m pytest

test-packages: install $(STATE)/apt-tests.stamp ## build, publish and install many real packages
	$(SUDO) env STATE=$(STATE) $(BIN)/python -m pytest -m "" tests/packages

test-faults: install $(STATE)/apt-tests.stamp ## let publishing and mirrors fail in every way
	$(SUDO) env STATE=$(STATE) $(BIN)/python -m pytest -m faults tests/workers

bench: install $(STATE)/apt-bench.stamp ## measure against other programs (QUICK=1: less of it)
	$(SUDO) env STATE=$(STATE) $(BIN)/python -m tests.benchmarks $(if $(QUICK),--quick) \
	  --work $(STATE)/bench --json $(STATE)/bench.json

format: install ## rewrite the sources as ruff likes them
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove everything `install`, `demo` and `test` made for this checkout
	$(SUDO) rm -rf $(STATE)
