# Every target sets up what it needs. A bare `make` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
READY := .venv/ready

.PHONY: help demo demo-once test test-slow check bench lock

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): requirements.lock tools/bootstrap $(wildcard */pyproject.toml) central/hatch_build.py central/probes/transform.c
	@tools/bootstrap

demo: $(READY) ## From rendered camera pixels to a patient's route; then a page to look at, until Ctrl-C
	@tools/need mosquitto
	@$(BIN)/python -m tests.demo

demo-once: $(READY) ## The same, and exit
	@tools/need mosquitto
	@$(BIN)/python -m tests.demo --once

test: check ## Check the code and run the tests
	@tools/need mosquitto
	@tools/need chromium chromium-driver postgresql softhsm2 poppler-utils fonts-nanum libseccomp2 || [ "$$CI" != true ] # elsewhere those tests are skipped, and say so
	@$(BIN)/python -m pytest -n $$(($$(nproc) < 4 ? $$(nproc) + 1 : 4)) --dist loadfile --no-loadscope-reorder # many wait for a process

test-slow: $(READY) ## The tests that take minutes
	@tools/need mosquitto
	@$(BIN)/python -m pytest -m slow

check: $(READY) ## Style, types and the walls between the rooms
	@$(BIN)/ruff check . && $(BIN)/ruff format -q --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

bench: $(READY) ## Measure, beside peers in the same run; ONLY=name picks one
	@tools/need mosquitto
	@$(BIN)/python -m tests.bench $(if $(ONLY),--only $(ONLY))

lock: $(READY) ## Make requirements.lock again from requirements.in
	@$(BIN)/python -m pip install -q uv && $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --custom-compile-command "make lock" requirements.in -o requirements.lock
