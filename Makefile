# The commands by which logscan is worked on. They use the environment that is active, or another: make BIN=.venv/bin/ test
BIN ?=

.PHONY: help check test thorough bench docs ci
help: ## These commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

check: ## Style and types, as in .pre-commit-config.yaml
	$(BIN)ruff format --check .
	$(BIN)ruff check .
	$(BIN)mypy

test: ## The quick run
	$(BIN)pytest -q -n auto

thorough: ## Also long tests; ten times the examples
	$(BIN)pytest -q -n auto --thorough

bench: ## Times, against benchmarks/RESULTS.md
	$(BIN)python benchmarks/run.py

docs: ## The documentation as a site in ./site
	$(BIN)python docs/make_reference.py
	$(BIN)sphinx-build -q -W docs site

ci: ## All that CI runs
	.ci/run
