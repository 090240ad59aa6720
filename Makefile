# Safelight.  `make` alone says what there is; docs/commands.md says more.
#
# Every target first sees to it that .venv is there and as the locks say, which takes a moment
# when it is.  Paths are relative to this file, so that a checkout may lie anywhere.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

safelight := .venv/bin/python -m safelight

# $(value …) keeps what was typed as it was typed, dollar signs too; quotes and spaces are safe
# because it travels in the environment and never through a shell's line.
export SAFELIGHT_PHOTOS := $(value PHOTOS)
export SAFELIGHT_PARAMETERS := $(value PARAMETERS)
export SAFELIGHT_FIXTURE := $(value FIXTURE)
export SAFELIGHT_TARGET := $(value TARGET)
unexport PHOTOS PARAMETERS FIXTURE TARGET
export STACK MODE EMULATOR PURGE SAFELIGHT_PORT SAFELIGHT_REGISTRY_PORT SAFELIGHT_HOME
export REQUIRE_DOCKER PLATFORM UPGRADE PYTHON

.PHONY: help
help: ## say what there is (this)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  Variables: STACK=auto|embedded|docker  PHOTOS=DIR  PARAMETERS="Name=value …"  PURGE=1'
	@echo '             SAFELIGHT_PORT=4566'

.PHONY: setup
setup: ## make the virtual environment, .venv
	@scripts/setup

.PHONY: up
up: setup ## start the stack and print the gallery's address; PHOTOS=DIR uploads a folder too
	@$(safelight) up

.PHONY: down
down: setup ## stop the stack; PURGE=1 also forgets its data
	@$(safelight) down

.PHONY: demo
demo: setup ## start the stack with photos that are drawn for it
	@$(safelight) demo

.PHONY: status
status: setup ## show the stack, its queues, and the photos by state
	@$(safelight) status

.PHONY: logs
logs: setup ## follow the functions' logs
	@$(safelight) logs --follow

.PHONY: replay
replay: setup ## replay an event or a scenario: FIXTURE=NAME|FILE|-  TARGET=handler|queue|aws
	@$(safelight) replay

.PHONY: doctor
doctor: setup ## check this machine and the stack
	@$(safelight) doctor

.PHONY: deploy
deploy: setup ## put the gallery on AWS, or bring it up to date; ARGS='--domain …' for options
	@$(safelight) deploy $(ARGS)

.PHONY: destroy
destroy: setup ## take the gallery off AWS; the photos stay
	@$(safelight) destroy $(ARGS)

.PHONY: rehearse
rehearse: setup ## rehearse a deployment on this machine, without an account
	@$(safelight) rehearse

.PHONY: test
test: setup ## every test this machine can run; REQUIRE_DOCKER=1: fail without an engine
	@.venv/bin/python -m pytest -n auto -p tests.stack.groups $(PYTEST)

.PHONY: lint
lint: setup ## what CI checks besides the tests: format, lint, types, the template
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/cfn-lint infra/*.yaml

.PHONY: bench
bench: setup ## measure what is claimed about speed
	@set -e; for name in renditions pipeline gallery backfill; do \
	  printf '\n== %s ==\n' "$$name"; .venv/bin/python -m "bench.$$name"; \
	done

.PHONY: images
images: setup ## build the two services' container images
	@.venv/bin/python -m safelight.images

.PHONY: offline-images
offline-images: ## make stand-ins for the images that no registry can be asked for
	@scripts/offline-images

.PHONY: images-twice
images-twice: setup ## build the images from two copies of this checkout, and compare their digests
	@.venv/bin/python -m safelight.twice

.PHONY: sbom
sbom: setup ## list what is in the images, as CycloneDX JSON
	@.venv/bin/python -m safelight.sbom

.PHONY: licences
licences: setup ## write docs/licences.md from what is installed
	@.venv/bin/python -m safelight.licences

.PHONY: audit
audit: setup ## compare what is locked with the published advisories
	@.venv/bin/python -m safelight.audit

.PHONY: lock
lock: setup ## compile requirements/*.in; UPGRADE=1 takes newer versions
	@scripts/lock
