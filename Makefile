# Everything a checkout needs. `make bench` and `make test` set themselves up.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

# uv makes .venv and installs, if it is there; `make UV=` uses pip in any case.
UV ?= $(shell command -v uv)
ifneq ($(UV),)
VENV_TOOL := "$(UV)" venv --seed --allow-existing --python "$$(command -v $(PYTHON))"
INSTALL_TOOL := "$(UV)" pip install --python $(BIN)/python
HINT := || { echo "To install with pip instead of uv: make UV= $(MAKECMDGOALS)"; exit 1; }
else
VENV_TOOL := $(PYTHON) -m venv
# What is compiled at its first import takes fewer seconds and megabytes.
INSTALL_TOOL := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --no-compile
endif
# Hundreds of processes would each compile their modules anew.
unexport PYTHONDONTWRITEBYTECODE
PROGRESS := $(PYTHON) .ci/progress.py
INSTALL := $(PROGRESS) "Installing Python packages in $(VENV)" $(INSTALL_TOOL) --editable
# Without GNU Arm and its C library, images are compiled with clang.
GNU_ARM := $(filter /%,$(shell arm-none-eabi-gcc -print-file-name=nano.specs 2>/dev/null))

# The targets that need no program but QEMU.
EMULATED := virtual-stm32 virtual-stm32l475 virtual-nrf52840 qemu-stm32 qemu-m0 qemu-m3 qemu-m4 qemu-m7 qemu-m33 qemu-m55

C_FILES := $(shell git ls-files '*.c' '*.h' '*.cc' '*.cpp')

.PHONY: bench test test-slow test-arm64 coverage nightly docs docs-numbers json-schemas tutorial lint fuzz fuzz-memory fuzz-protocol fuzz-clients faults farm-test chips perf setup system clean

bench: $(VENV)/$(if $(GNU_ARM),,clang-)installed ## run every model on the default target: a table, and Records in reports/runs
	$(BIN)/harness run

test: setup ## the unit tests, and the suite on the default target, on all cores
	$(BIN)/pytest -n auto --dist worksteal

test-slow: setup ## the tests that `make test` leaves out; the nightly job runs them
	$(BIN)/pytest -n auto --dist worksteal -m slow
	$(BIN)/pytest -n auto --dist worksteal tests/target/test_models.py $(EMULATED:%=--target=%)

test-arm64: setup ## the simulator and the models on an emulated arm64 host; needs root; half an hour
	$(BIN)/python -m tests.arm64

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

json-schemas: setup ## the schemas in docs/json, after a change of what --json prints
	$(BIN)/python -m docs.generate.json_schemas

# Only blocks that are old are made again; NUMBERS=--all makes all, NUMBERS=sweep one.
NUMBERS ?=
docs-numbers: setup ## measure the numbers that the pages show, and write them; about 2 minutes
	$(BIN)/python -m docs.numbers $(NUMBERS)

# WRITE=--write writes the outputs into the notebook.
WRITE ?=
tutorial: $(VENV)/tutorial-installed ## run docs/tutorial.ipynb from top to bottom, with TensorFlow; about 2 minutes
	$(BIN)/python -m docs.run_notebook $(WRITE)

lint: $(VENV)/dev-installed ## ruff, types, the order of the rooms, and the C's format
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/clang-format --dry-run --Werror $(C_FILES)

FUZZ ?= 100 # graphs of each kind of operator
# Each in the engine's C on this machine, against TFLM.
ENGINE_FUZZ := tests/unit/test_engine_operators.py tests/unit/test_engine_recurrent.py \
	tests/unit/test_engine_state.py tests/unit/test_engine_custom.py
fuzz: setup ## every operator on many random graphs, in C and by LiteRT, against TFLM; about 4 minutes
	FUZZ=$(FUZZ) $(BIN)/pytest -n auto --dist worksteal $(ENGINE_FUZZ) tests/unit/test_gelu.py \
		tests/unit/test_golden_litert.py tests/unit/test_cores.py::test_instructions_are_exact

# TFLM's own interpreter leaks. Memory that C may rely on to be 0 must be so.
fuzz-memory: setup ## the same graphs in C with AddressSanitizer, CMSIS-NN and generated code, too
	LD_PRELOAD=$$(cc -print-file-name=libasan.so) \
	ASAN_OPTIONS=detect_leaks=0:max_malloc_fill_size=0 FUZZ=$(FUZZ) \
		$(BIN)/pytest -n auto --dist worksteal -k "equals_tflm" $(ENGINE_FUZZ)

FUZZ_SECONDS ?= 600 # of each parser; they run at the same time
fuzz-protocol: setup ## a coverage-guided fuzzer on the firmware's parsers of link and MLPerf Tiny
	$(BIN)/python -m tests.fuzz $(FUZZ_SECONDS)

CLIENT_SECONDS ?= 180
fuzz-clients: setup ## hostile devices talk to the harness's clients of link and MLPerf Tiny
	$(BIN)/python -m tests.fuzz.clients $(CLIENT_SECONDS)

# FAULTS=line tries one class; FAULTS="--seeds 1" tries each fault once.
FAULTS ?=
faults: setup ## break the line, RTT, boards, processes, disks, inputs: every count must be 0
	$(BIN)/python -m tests.faults $(FAULTS)

# BOARDS=100 RUNS=1000 is the campaign of the nightly job.
farm-test: setup ## runs on a farm of simulated boards, while everything is killed at random; a minute
	$(BIN)/python -m tests.support.labgrid_programs
	$(BIN)/python -m tests.farm.campaign $(BOARDS:%=--boards=%) $(RUNS:%=--runs=%)

chips: setup ## an image for every chip of pyOCD with flash and RAM; prints how many; about 5 minutes
	$(BIN)/python -m tests.chips

VECTORS ?= 1000 # keyword vectors that go over a serial line, and over RTT; 5 minutes
perf: setup ## what the harness itself costs, as ratios
	$(BIN)/python -m tests.perf $(VECTORS)

setup: system $(VENV)/dev-installed

$(VENV)/created:
	@$(PYTHON) .ci/check_python.py
	@$(PROGRESS) "Making $(VENV)" $(VENV_TOOL) $(VENV) $(HINT)
	@touch $@

# What an installation depends on; its build gets the report's chart library.
BUILD_FILES := pyproject.toml hatch_build.py harness/report/web/package-lock.json

# What running needs.
$(VENV)/installed: $(BUILD_FILES) $(VENV)/created
	@$(INSTALL) . $(HINT)
	@touch $@

# With an extra: clang, dev (which has clang), docs, tutorial. The C libraries of Linux, Windows and others that
# come with Zig, 175 MB, are removed: a microcontroller uses none of them.
$(VENV)/%-installed: $(BUILD_FILES) $(VENV)/created
	@$(INSTALL) '.[$*]' $(HINT)
	@for zig in $(VENV)/lib/python*/site-packages/ziglang/lib/libc; do \
	    if [ -d "$$zig" ]; then $(PROGRESS) "Removing the C libraries that Zig does not need here" rm -r "$$zig"; fi; done
	@touch $@ $(VENV)/installed $(if $(filter dev,$*),$(VENV)/clang-installed)

# The compiler and the emulator come from the system's package manager.
system:
	@PYTHON=$(PYTHON) .ci/system

.PHONY: system-cxx
system-cxx: ## with the C++ library for devices, 1.6 GB, for the tests of TFLM and Edge Impulse on targets
	@PYTHON=$(PYTHON) .ci/system --cxx

clean:
	rm -rf build dist .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
