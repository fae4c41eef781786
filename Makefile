# `make check` is what CI runs. VENV names another environment than the checkout's own.
VENV ?= .venv
PYTEST_ARGS ?=
BENCH_ARGS ?=
BENCH_ONNX ?= tests/fixtures/models/small-parakeet-tdt-onnx
BATCH_ARGS ?=
FEED_ARGS ?=
CLIP_ARGS ?=
RTFX_ARGS ?=
GPU_ARGS ?=
RELEASE_ARGS ?=
# Without a GPU the script is only tried.
RTFX_TRIAL := --device cpu --layers 2 --files 160 --batch 8 --rounds 3 --hours 0.2
bin := $(VENV)/bin
shell_scripts := $(sort $(wildcard *.sh scripts/*.sh) .ci/run)

.PHONY: help setup venv check lint types contracts limits shell unit test bench gpu soak snapshots verify-stack release
.NOTPARALLEL:

help:
	@echo "make venv       make the environment .venv, with the tools of the checks"
	@echo "make check      every check, then every test: what CI runs"
	@echo "make unit       the quick tests, in less than a minute"
	@echo "make test       every test (PYTEST_ARGS='-k subtitles' selects some)"
	@echo "make snapshots  write the --help snapshots again, after a change on purpose"
	@echo "make bench      speed against the peers (BENCH_ARGS=--help)"
	@echo "make gpu        all that needs an NVIDIA GPU, in one report; a trial without one"
	@echo "make release    wheel, sdist, Debian package, bill of materials: built and checked"
	@echo "make soak       the long seeded runs"
	@echo "make verify-stack  both ML stacks built, migrated, rolled back and transcribed with"

setup venv:
	@scripts/install-system-packages.sh --tests
	@scripts/venv.sh --dev

check: lint types contracts limits shell test

lint:
	@$(bin)/ruff check --quiet .
	@$(bin)/ruff format --quiet --check . || { echo "To format: $(bin)/ruff format ."; exit 1; }

types:
	@$(bin)/mypy --no-error-summary

contracts:
	@$(bin)/lint-imports --no-logo

# tests/unit/test_structure.py holds the sizes of folders, modules and functions.
limits:
	@$(bin)/complexipy --plain
	@$(bin)/pylint parakeet_cli

shell:
	@shellcheck $(shell_scripts)

unit:
	@$(bin)/python -m pytest -q -m "not slow and not soak" tests/unit $(PYTEST_ARGS)

test:
	@$(bin)/python -m pytest $(PYTEST_ARGS)

snapshots:
	@$(bin)/python scripts/shell_files.py
	@PARAKEET_UPDATE_SNAPSHOTS=1 $(bin)/python -m pytest -q tests/cli/test_help.py -k its_snapshot

bench:
	@$(bin)/python bench/startup.py $(BENCH_ARGS)
	@$(bin)/python bench/transcribe.py $(BENCH_ARGS)
	@$(bin)/python bench/cold_onnx.py $(BENCH_ONNX) $(BENCH_ARGS)
	@$(bin)/python bench/dictate.py $(BENCH_ARGS)
	@$(bin)/python bench/batches.py $(BATCH_ARGS)
	@$(bin)/python bench/feed.py $(FEED_ARGS)
	@$(bin)/python bench/clip_cost.py
	@$(bin)/python bench/clips.py $(CLIP_ARGS)
	@$(bin)/python bench/serve.py $(BENCH_ARGS)
	@if [ -n "$(BENCH_STACK)" ]; then $(bin)/python bench/doctor.py $(BENCH_STACK); \
	else echo "bench/doctor.py left out: BENCH_STACK names the python of an ML stack"; fi
	@if [ -n "$(BENCH_STACK)" ]; then $(bin)/python bench/cold_nemo.py $(BENCH_STACK) \
	tests/fixtures/models/small-parakeet-tdt.nemo; \
	else echo "bench/cold_nemo.py left out: BENCH_STACK names the python of an ML stack"; fi
	@if [ -n "$(BENCH_STACK)" ]; then $(bin)/python bench/worker_cpu.py $(BENCH_STACK) \
	tests/fixtures/models/small-parakeet-tdt.nemo; \
	else echo "bench/worker_cpu.py left out: BENCH_STACK names the python of an ML stack"; fi
	@if [ -z "$(BENCH_STACK)" ]; then \
	echo "bench/rtfx.py left out: BENCH_STACK names the python of an ML stack"; \
	elif nvidia-smi -L 2>/dev/null | grep -q GPU; then \
	$(bin)/python bench/rtfx.py $(BENCH_STACK) $(RTFX_ARGS); \
	else $(bin)/python bench/rtfx.py $(BENCH_STACK) $(RTFX_TRIAL) $(RTFX_ARGS); fi

gpu:
	@$(bin)/python bench/gpu.py $(if $(BENCH_STACK),--python $(BENCH_STACK)) $(GPU_ARGS)

soak:
	@$(bin)/python -m pytest -m soak $(PYTEST_ARGS)

release:
	@$(bin)/python scripts/release.py $(RELEASE_ARGS)

verify-stack:
	@VENV=$(VENV) scripts/verify-stack.sh
