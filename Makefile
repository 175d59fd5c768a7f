# Needs Python >= 3.11 with venv and pip; everything else is installed into .venv.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# Small models: one thread per process is fastest, and pytest runs one process per core.
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo test quality format docs package clean help

help:  ## show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

demo: $(VENV)/.installed-minilm  ## discover the relations of the sample corpus with the shipped checkpoint
	$(BIN)/hf-relation discover examples/data/sample.jsonl --output out/demo
	@echo "The full result is in out/demo/ (instances.jsonl, relations.json, relations.csv)."

test: $(VENV)/.installed-test  ## run all tests
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile

quality: $(VENV)/.installed-quality  ## lint, format check, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-quality  ## rewrite the code in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-docs  ## build the documentation into out/docs; a broken link is an error
	@# Not --quiet: it hides warnings from --strict, too.
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --config-file docs/mkdocs.yml
	$(BIN)/python docs/site/check.py out/docs
	@echo "Open out/docs/index.html"

package:  ## build wheel and sdist into dist/, and try each in a clean environment
	PYTHON="$(PYTHON)" .ci/package

$(BIN)/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), f"Python >= 3.11 is needed, this is {sys.version}"'
	$(PYTHON) -m venv $(VENV)

# torch first and by its exact version: a bare requirement would pull several GB of CUDA packages.
$(VENV)/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) torch
	$(PIP) --editable ".[$*]"
	@touch $@

clean:  ## remove the environment and everything generated
	rm -rf $(VENV) out runs build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
