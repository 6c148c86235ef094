# Everything a newcomer or CI runs. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
LAB := inventories/lab.py

.PHONY: help venv lab lab-down test check leaks unit test-lab bench audit docs

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-10s %s\n", $$1, $$2}' Makefile

venv: .venv/.complete ## create the virtual environment from the pinned versions

.venv/.complete: pyproject.toml constraints.txt lab/bootstrap.sh
	sh lab/bootstrap.sh
	@touch $@

lab: venv ## everything: engine, images, hosts, deploy, verification, a table of what runs where
	$(BIN)/estate lab up
	$(BIN)/estate secrets init $(LAB) --from-file .lab/external.env
	$(BIN)/estate lab fleet
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

test-lab: lab ## tests against the lab's hosts
	$(BIN)/pytest tests/lab --inventory $(LAB) -q --durations=15

test: check unit test-lab ## the whole test suite

bench: venv ## remote commands and wall time, beside Ansible; resets the lab's mainframe
	$(BIN)/python -m lab.bench --markdown docs/performance.md
	$(BIN)/python -m lab.bench.fleet --farm --markdown docs/performance.md

faults: venv ## the fault matrix alone, and its page in docs
	$(BIN)/pytest tests/lab/faults --inventory $(LAB) -q --write-faults

audit: venv ## lynis, ssh-audit, CIS Docker, secrets and listening ports of the deployed lab
	$(BIN)/python -m lab.audit

docs: venv ## write docs/generated from the declarations
	$(BIN)/estate docs
