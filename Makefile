# One environment in .venv serves every command. It is made again when it is
# missing, broken or incomplete, and when anything that determines its content
# has changed: the requirements, the build script, this file, the version of
# Python, or the folder of the checkout.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The tested versions, for the NumPy that has wheels for this Python.
CONSTRAINTS := requirements/constraints-numpy$(shell \
	$(PYTHON) -c 'import sys; print(1 if sys.version_info < (3, 13) else 2)').txt
RECIPE := $(sort $(wildcard requirements/*.txt)) setup.py pyproject.toml Makefile
KEY := $(shell (cat $(RECIPE); pwd; $(PYTHON) -c 'import sys; print(sys.version_info[:2])') \
	| cksum | tr ' ' '-')
STAMP := $(VENV)/made-$(KEY)

.PHONY: env browser demo docs docs-serve test test-fast lint format release-check clean

env: $(STAMP)

demo: $(STAMP)
	$(BIN)/python -W ignore -m projects.mini_humanart.demo

# The tests drive the web page in Chromium, which no Python package carries.
browser:
	@command -v chromium >/dev/null || { \
		echo 'Installing Chromium'; apt-get -qq update && \
		apt-get -qq install --yes --no-install-recommends chromium >/dev/null; } || \
		{ echo 'Install Chromium, so that `chromium` starts it: the tests need it.'; exit 1; }

PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

test: $(STAMP) browser
	$(PYTEST) --durations=20 $(PYTEST_ARGS)

# A few representative tests of every room.
test-fast: $(STAMP)
	$(PYTEST) -m fast $(PYTEST_ARGS)

# A warning is an error; so is a link or a reference that leads nowhere.
docs: $(STAMP)
	$(BIN)/python -W ignore -m sphinx -qWn --keep-going -d build/doctrees -c docs . build/docs

docs-serve: docs
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory build/docs

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/codespell

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# What is released: built, checked, installed where nothing else is, and used.
release-check: $(STAMP)
	$(BIN)/python -m tests.release_check

clean:
	rm -rf $(VENV) build dist *.egg-info vlpose_mm/.mim

# A stamp is only valid with an interpreter that starts.
ifneq ($(shell $(BIN)/python -c 'print("ok")' 2>/dev/null),ok)
.PHONY: $(STAMP)
endif

# OpenMMLab's packages and openmim come without their declared dependencies: chumpy
# does not build, openmim takes numpy and setuptools to versions that the rest cannot
# work with.
INSTALL := $(BIN)/python -m pip install -qq --no-input --disable-pip-version-check \
	--constraint $(CONSTRAINTS)

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 10) else \
		"vlpose_mm needs Python 3.10 or newer, not %d.%d: name another as in " \
		"make PYTHON=python3.13 env" % sys.version_info[:2])'
	@echo 'Making $(VENV) with $(PYTHON); this takes a few minutes.'
	@rm -f $(VENV)/made-*
	@$(PYTHON) -m venv --clear $(VENV)
	@echo '[1/4] PyTorch, transformers'
	@$(INSTALL) -r requirements/build.txt -r requirements/runtime.txt
	@echo '[2/4] what OpenMMLab, the web page, the export, videos, Ray, the projects, the tests and the docs import'
	@$(INSTALL) -r requirements/openmmlab.txt -r requirements/web.txt \
		-r requirements/onnx.txt -r requirements/video.txt -r requirements/ray.txt \
		-r requirements/projects.txt -r requirements/tests.txt -r requirements/docs.txt
	@echo '[3/4] OpenMMLab'
	@$(INSTALL) --no-deps -r requirements/no_deps.txt
	@echo '[4/4] vlpose_mm'
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@
