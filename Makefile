# Everything a checkout needs. `make bench` and `make test` set themselves up.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
SYSTEM := arm-none-eabi-gcc qemu-system-arm gdb-multiarch
PACKAGES := gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib qemu-system-arm gdb-multiarch
C_FILES := $(shell git ls-files '*.c' '*.h' '*.cc' '*.cpp')

.PHONY: bench test coverage nightly docs docs-numbers lint fuzz fuzz-protocol fuzz-clients faults perf setup system clean

bench: $(VENV)/installed ## run every model on the default target: a table, and Records in reports/runs
	$(BIN)/harness run

test: setup ## the unit tests, and the suite on the default target, on all cores
	$(BIN)/pytest -n auto --dist worksteal

coverage: setup ## the unit tests with coverage of harness/; fails below the floor in pyproject.toml
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto --dist worksteal tests/unit
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

nightly: setup ## what the nightly job does: the models on emulators, the gate, reports/report.html
	.ci/nightly

docs: $(VENV)/docs-installed ## the docs site; a broken link fails
	rm -rf build/docs
	$(BIN)/python -m docs.generate build/docs-source
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --conf-dir docs build/docs-source build/docs
	@echo "The site is in build/docs: open build/docs/index.html"

# Only blocks that are old are made again; NUMBERS=--all makes all, NUMBERS=sweep one.
NUMBERS ?=
docs-numbers: setup ## measure the numbers that the pages show, and write them; about 2 minutes
	$(BIN)/python -m docs.numbers $(NUMBERS)

lint: setup ## ruff, types, the order of the rooms, and the C's format
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/clang-format --dry-run --Werror $(C_FILES)

FUZZ ?= 100 # graphs of each kind of operator
fuzz: setup ## every operator on many random graphs, in C and by LiteRT, against TFLM; about 4 minutes
	FUZZ=$(FUZZ) $(BIN)/pytest tests/unit/test_engine_operators.py tests/unit/test_golden_litert.py

FUZZ_SECONDS ?= 600 # of each parser; they run at the same time
fuzz-protocol: setup ## a coverage-guided fuzzer on the firmware's parsers of link and MLPerf Tiny
	$(BIN)/python -m tests.fuzz $(FUZZ_SECONDS)

CLIENT_SECONDS ?= 180
fuzz-clients: setup ## hostile devices talk to the harness's clients of link and MLPerf Tiny
	$(BIN)/python -m tests.fuzz.clients $(CLIENT_SECONDS)

# FAULTS=line tries one class; FAULTS="--seeds 1" tries each fault once.
FAULTS ?=
faults: setup ## break the line, boards, processes, disks, inputs: every count must be 0
	$(BIN)/python -m tests.faults $(FAULTS)

VECTORS ?= 1000 # keyword vectors that go over a serial line; 2.5 minutes
perf: setup ## what the harness itself costs, as ratios
	$(BIN)/python -m tests.perf $(VECTORS)

setup: system $(VENV)/installed

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/installed: pyproject.toml $(VENV)/created
	@echo "Installing Python packages in $(VENV): about a minute ..."
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

$(VENV)/docs-installed: pyproject.toml $(VENV)/created
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

# The compiler and the emulator come from the system's package manager.
system:
	@missing=; for tool in $(SYSTEM); do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if command -v arm-none-eabi-g++ >/dev/null && ! arm-none-eabi-g++ -fsyntax-only -include cstdint -x c++ /dev/null 2>/dev/null; then \
	    missing="$$missing the C++ library of arm-none-eabi-g++"; fi; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	echo "missing:$$missing (tests that need them are skipped)"; \
	if ! command -v apt-get >/dev/null; then \
	    echo "install the GNU Arm toolchain (with newlib) and QEMU's system emulator for Arm,"; \
	    echo "for example: brew install qemu && brew install --cask gcc-arm-embedded"; exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then sudo=; \
	elif sudo -n true 2>/dev/null; then sudo="sudo -n"; \
	else echo "install them with: sudo apt-get install $(PACKAGES)"; exit 0; fi; \
	set -x; $$sudo apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $(PACKAGES)

clean:
	rm -rf build dist .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
