# Two commands do everything: `make course` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.course-ready
TEST_READY := $(VENV)/.test-ready
INSTALL_LOG := _build/install.log
# After a command: what it prints is kept, and its end is shown where it fails.
LOGGED := >>$(INSTALL_LOG) 2>&1 || { tail -n 5 $(INSTALL_LOG); exit 1; }
# Compiled files name the source that they were made from, and students' code can read them: they name the place where
# the jail shows it. What cannot be compiled is no module.
COMPILE = @$(BIN)/python -m compileall -qq -f -j 0 -s $(CURDIR)/$(VENV) -p /environment $(CURDIR)/$(VENV)/lib >>$(INSTALL_LOG) 2>&1 || true
A ?= a1-convolution
ASSIGNMENTS := $(notdir $(patsubst %/,%,$(dir $(wildcard solutions/*/assignment.toml))))

# Pages import the harness and read what is known of the assignments' tests; a build in which nothing of it counts is short.
BOOK_SOURCES := _config.yml _toc.yml $(shell find book autograder solutions -type f -not -name '*.pyc' -not -path '*/.ipynb_checkpoints/*')
SITE := _build/html/.built

.PHONY: help course test proof site lab pictures grade record-cpu record-gpu bench bundles release validate clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

course: $(READY) | system-jail  ## from source to graded: the site, the bundles, a graded sample class
	@$(MAKE) --no-print-directory site
	@echo "== student bundles"
	@$(BIN)/autograder release $(ASSIGNMENTS) >/dev/null
	@$(BIN)/autograder bundle $(ASSIGNMENTS)
	@for name in $(ASSIGNMENTS); do \
		if [ ! -f solutions/$$name/sample_class.py ]; then \
			echo "== $$name has no sample class to grade; CONTRIBUTING.md shows one for solutions/$$name/sample_class.py"; \
			continue; \
		fi; \
		echo "== grading the sample class of $$name"; \
		$(BIN)/autograder sample $$name && $(BIN)/autograder grade $$name || exit 1; \
	done
	@$(BIN)/autograder where

site: $(SITE)  ## build the site with every cell executed; warnings are errors

$(SITE): $(READY) $(BOOK_SOURCES)
	@$(BIN)/python book/build_site.py
	@touch $@

lab: $(READY) | system-jail  ## JupyterLab with nbgrader's formgrader, in this course
	@$(BIN)/jupyter lab --config=nbgrader_config.py $(if $(filter 0,$(shell id -u)),--allow-root)

pictures: $(TEST_READY) site | system-browser  ## take README's pictures anew
	@$(BIN)/python -m tests.pictures

grade: $(READY) | system-jail  ## grade what is in submitted/: make grade A=a1-convolution
	@$(BIN)/autograder grade $(A)

record-cpu: $(READY)  ## run every page's cells on the CPU and record times and values (half an hour; what is recorded stays)
	@$(BIN)/python -m pixelwise.devices cpu $(PAGES)

record-gpu: $(READY)  ## the same on a GPU; both records are shown by the page *CPU and GPU*
	@$(BIN)/python -m pixelwise.devices gpu $(PAGES)

bench: $(READY) | system-jail  ## grading side by side with stock nbgrader and the floor (half an hour)
	@$(BIN)/python -m benchmarks.grading --out benchmarks/results

release: $(READY)  ## generate assignments/ from solutions/
	@$(BIN)/autograder release $(ASSIGNMENTS)

bundles: $(READY)  ## the zips that students download
	@$(BIN)/autograder bundle $(ASSIGNMENTS)

validate: $(READY) | system-jail  ## prove every assignment: right solutions earn all, wrong ones do not
	@$(BIN)/autograder validate

test: $(TEST_READY) site | system-jail system-browser  ## all tests but the longest, the browser's among them (half an hour)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@# A core for each of the two: threads that wait for each other take several times as long.
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --timeout 900

proof: $(TEST_READY) site | system-jail system-browser  ## the longest tests (some hours), or one of them: make proof P=kills
	@$(BIN)/python -m tests.proof $(P)

clean:  ## remove all that was made, the environment and the gradebook included
	rm -rf $(VENV) _build submitted autograded feedback bundles .autograder gradebook.db* grades.csv

# --- what the machine needs -------------------------------------------------------------------------------------

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON); install Python 3.11 or newer, or name one: make PYTHON=python3.12 course"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is $$($(PYTHON) --version), and the course needs Python 3.11 or newer; name one: make PYTHON=python3.12 course"; exit 1; }
	@echo "== making $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make an environment; on Debian: apt install python3-venv"; rm -rf $(VENV); exit 1; }

_build:
	@mkdir $@

$(READY): requirements.txt pyproject.toml | _build $(VENV)/bin/python
	@echo "== installing what the course needs (a few minutes, once; log in $(INSTALL_LOG))"
	@$(BIN)/pip install --disable-pip-version-check --no-compile --requirement requirements.txt $(LOGGED)
	@$(BIN)/pip install --disable-pip-version-check --no-deps --no-build-isolation --editable . $(LOGGED)
	$(COMPILE)
	@touch $@

$(TEST_READY): tests/requirements.txt $(READY) | _build
	@echo "== installing what the tests need (log in $(INSTALL_LOG))"
	@$(BIN)/pip install --disable-pip-version-check --no-compile --requirement tests/requirements.txt $(LOGGED)
	$(COMPILE)
	@touch $@

# Where this is root on Debian a missing program is installed; elsewhere its absence is said in one line.
define install
	@command -v $(1) >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "== installing $(2) (log in $(INSTALL_LOG))"; \
			{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $(2); } $(LOGGED); \
		else echo "$(3) needs $(1); install it (Debian: sudo apt install $(2))"; exit 1; fi; }
endef

.PHONY: system-jail system-browser
system-jail: | _build
	$(call install,bwrap,bubblewrap libseccomp2,Grading in the jail)

system-browser: | _build
	$(call install,chromium,chromium,The browser tests)
