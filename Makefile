# Everything a newcomer or CI runs. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/sh
# The tests start this program hundreds of times: it is compiled once, whatever the environment says
export PYTHONDONTWRITEBYTECODE =
BIN := .venv/bin
LAB := inventories/lab.py
PROFILE ?= default

.PHONY: help venv lab lab-down images test check leaks unit test-lab test-homelab lanes lane-mainframe lane-others bench faults audit docs

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' Makefile

venv: .venv/.complete ## create the virtual environment from the pinned versions

.venv/.complete: pyproject.toml constraints.txt lab/bootstrap.sh
	sh lab/bootstrap.sh
	@touch $@

lab: venv ## everything: engine, images, hosts, deploy, verification, a table; PROFILE=homelab or full
	$(BIN)/estate lab up --profile $(PROFILE)
	$(BIN)/estate secrets init $(LAB) --from-file .lab/external.env
	$(BIN)/estate lab fleet
	$(if $(filter homelab full,$(PROFILE)),$(BIN)/estate homelab up $(LAB) --nodes-only --yes)
	$(BIN)/pyinfra -y $(LAB) deploy.py
	$(BIN)/pytest tests/verify --inventory $(LAB) -q
	$(BIN)/estate lab summary

lab-down: venv ## remove the lab and all it left
	$(BIN)/estate lab down

check: venv leaks ## style, types, declarations, rendered files, generated docs, no secrets in git
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/estate check inventories/prod.py
	$(BIN)/estate check $(LAB)
	$(BIN)/estate docs --check

leaks: venv ## no secret in any commit, nor in a file that could be committed
	$(BIN)/python -m lab.leaks history tree

unit: venv ## tests without a host
	$(BIN)/pytest -q
	$(BIN)/pytest -q -n auto tests/backup tests/watch

# tests/lab/conftest.py takes the same lock when nobody holds it for the lanes
LANES = ESTATE_LAB_LOCKED=1 flock $${TMPDIR:-/tmp}/estate-lab-tests.lock $(MAKE) lanes
TEST_LAB = $(BIN)/pytest tests/lab --inventory $(LAB) --tb=short -p no:cacheprovider

test-lab: lab ## tests against the lab's hosts
	+$(LANES)

# Two rows of tests side by side, each for hosts of its own; what touches all hosts runs afterwards
LANE_NAMES = mainframe others

test-homelab: PROFILE = homelab
test-homelab: lab ## tests of the homelab and the VPS, on a lab of that profile
	$(TEST_LAB) -v --durations=15 -m homelab

lanes:
	$(MAKE) --jobs=$(words $(LANE_NAMES)) --keep-going $(LANE_NAMES:%=beside-lane-%)
	$(TEST_LAB) -v --durations=15 -m "alone or not (mainframe or fleet or hosts or homelab)"

lane-mainframe:
	$(TEST_LAB) -v --durations=15 -m "mainframe and not alone"

# What the mainframe's faults take away (Infisical, Caddy) is not to be missed elsewhere
lane-others: export ESTATE_SECRETS = sealed
lane-others:
	$(TEST_LAB) -v --durations=15 -m "(fleet or hosts) and not alone"

test: check ## all tests but the homelab's on a lab (they double the machine's work: test-homelab)
	$(MAKE) --jobs=2 --keep-going beside-unit beside-lab
	+$(LANES)

# One of several at a time: each line says whose it is
beside-%: SHELL := /bin/bash
beside-%: .SHELLFLAGS := -o pipefail -c
beside-%:
	@$(MAKE) --no-print-directory $* 2>&1 | sed -u 's/^/$* | /'

images: venv ## what the lab's machines are made of; `lab` does it too
	$(BIN)/estate lab prepare

bench: venv ## remote commands and wall time, beside Ansible; resets the lab's mainframe
	$(BIN)/python -m lab.bench --markdown docs/performance.md
	$(BIN)/python -m lab.bench.fleet --farm --markdown docs/performance.md

faults: venv ## the fault matrix alone, and its page in docs; wants a lab of the profile `full`
	$(BIN)/pytest tests/lab/faults --inventory $(LAB) -q --write-faults

audit: venv ## lynis, ssh-audit, CIS Docker, secrets and listening ports of the deployed lab
	$(BIN)/python -m lab.audit

docs: venv ## write docs/generated from the declarations
	$(BIN)/estate docs
