# Each target is one command that a person could type; `make` lists them.
#
#   make train MODEL=wrn28_10        python -m zoo train --model=wrn28_10
#   make train FLAGS='--dropout=0.5 --epochs=3'
#
# What runs the zoo depends on $(READY), the packages of requirements.lock;
# what develops it on $(DEV), those of requirements-dev.lock besides. So a
# fresh clone sets itself up, and the next command installs an edited lock.

MODEL ?=
DATASET ?=
EPOCHS ?=
RECIPE ?=
SUITE ?=
FIGURE ?=
LECTURE ?=
BUDGET ?=
SEEDS ?=
RUN ?= last
RUNS ?=
IMAGES ?=
FLAGS ?=
# The first of these that fits makes .venv; PYTHON=PATH chooses another.
PYTHON ?= python3.13 python3.12 python3.11 python3 python

PY := .venv/bin/python
READY := .venv/.installed
DEV := .venv/.installed-dev
ZOO := $(PY) -m zoo
IS_SUITABLE := import ensurepip, sys, venv; \
	sys.exit(not ((3, 11) <= sys.version_info < (3, 14) and sys.maxsize > 2**32))
# Packages of another Python, on PYTHONPATH, would pass for installed ones.
INSTALL = env -u PYTHONPATH PIP_USER=0 \
	$(if $(shell command -v uv 2>/dev/null),uv pip install --quiet --python $(PY),\
	$(PY) -m pip install -qq --disable-pip-version-check)
CHOICES = $(if $(RECIPE),--recipe=$(RECIPE)) $(if $(MODEL),--model=$(MODEL)) \
	$(if $(DATASET),--dataset=$(DATASET)) $(if $(EPOCHS),--epochs=$(EPOCHS))
COMPILE = uv pip compile pyproject.toml --quiet --universal --no-annotate \
	--no-emit-index-url --no-emit-find-links \
	--custom-compile-command 'make lock'
# Each worker holds TensorFlow, so their number is bounded.
WORKERS := -n logical --maxprocesses=4 --dist=worksteal

.DEFAULT_GOAL := help
.PHONY: help setup train vary sweep resume evaluate predict export compare report \
	diagnose misclassified inspect landscape check-model \
	models datasets download reproduce lecture play figure results recipes runs tensorboard doctor bench check test lint \
	format test-slow test-data test-browser test-cluster test-jax test-mutants docs lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' \
		$(MAKEFILE_LIST)
	@echo
	@echo '  Variables: MODEL DATASET EPOCHS RECIPE SUITE LECTURE BUDGET FIGURE SEEDS'
	@echo '  RUN RUNS IMAGES, and FLAGS for others:'
	@echo "  make train MODEL=wrn28_10 EPOCHS=3 FLAGS='--learning_rate=0.05'"

setup: $(READY) ## make .venv and install what training needs

$(READY): requirements.lock
	@$(PY) -c 'import pip' 2>/dev/null || { \
	for python in $(PYTHON); do if "$$python" -c '$(IS_SUITABLE)' 2>/dev/null; then \
		echo "zoo: making .venv with $$("$$python" --version)"; \
		exec "$$python" -m venv .venv; fi; done; \
	echo 'zoo: there is no 64-bit Python 3.11 to 3.13 with venv; install' \
		'Python 3.13, or name one: make setup PYTHON=PATH.' >&2; exit 2; }
	@echo 'zoo: installing requirements.lock; the first time takes minutes'
	@$(INSTALL) --requirement requirements.lock --editable .
	@touch $@

$(DEV): requirements-dev.lock $(READY)
	@echo 'zoo: installing requirements-dev.lock'
	@$(INSTALL) --requirement requirements-dev.lock
	@touch $@

train: $(READY) ## train a model on a dataset (default: lenet5 on digits)
	$(ZOO) train $(strip $(CHOICES) $(if $(SEEDS),--seeds=$(SEEDS)) $(FLAGS))

vary: $(READY) ## vary one option of RUN=last: FLAGS='--learning_rate=1e-3,1e-2'
	$(ZOO) vary $(strip $(if $(MODEL)$(RECIPE),,$(RUN)) $(CHOICES) \
		$(if $(SEEDS),--seeds=$(SEEDS)) $(FLAGS))

sweep: $(READY) ## search for good hyperparameters, over many runs
	$(ZOO) sweep $(strip $(CHOICES) $(FLAGS))

resume: $(READY) ## resume a run that was stopped: RUN=last
	$(ZOO) resume $(RUN) $(FLAGS)

evaluate: $(READY) ## evaluate a run on its validation images: RUN=last
	$(ZOO) evaluate $(RUN) $(FLAGS)

predict: $(READY) ## classify images with a run: RUN=last IMAGES='cat.png photos'
	$(ZOO) predict $(RUN) $(strip $(IMAGES) $(FLAGS))

export: $(READY) ## export a run for other programs (FLAGS=--format=onnx)
	$(ZOO) export $(RUN) $(FLAGS)

compare: $(READY) ## compare runs by significance tests: RUNS='last lr-digits'
	$(ZOO) compare $(strip $(RUNS) $(FLAGS))

report: $(READY) ## write an HTML report of a run: RUN=last
	$(ZOO) report $(RUN) $(FLAGS)

landscape: $(READY) ## plot the loss surface around a run's weights: RUN=last
	$(ZOO) landscape $(RUN) $(FLAGS)

diagnose: $(READY) ## diagnose a run, with what to try next: RUN=last
	$(ZOO) diagnose $(RUN) $(FLAGS)

misclassified: $(READY) ## list a run's most confident errors: RUN=last
	$(ZOO) misclassified $(RUN) $(FLAGS)

inspect: $(READY) ## inspect images before training: DATASET=folder:photos
	$(ZOO) inspect $(or $(DATASET),digits) $(FLAGS)

download: $(READY) ## download a dataset: DATASET=cifar10
	$(ZOO) download $(DATASET) $(FLAGS)

check-model: $(READY) ## check data and model before training, in 20 seconds
	$(ZOO) check $(strip $(CHOICES) $(FLAGS))

models: $(READY) ## list the models of the zoo
	$(ZOO) models $(FLAGS)

datasets: $(READY) ## list the datasets
	$(ZOO) datasets $(FLAGS)

lecture: $(READY) ## go through a lecture: LECTURE=svhn, or list them
	$(ZOO) lecture $(strip $(LECTURE) $(FLAGS))

play: $(READY) ## train small networks on a page in the browser
	@$(PY) -c 'import starlette, uvicorn' 2>/dev/null || \
		$(INSTALL) --editable '.[play]'
	$(ZOO) play $(FLAGS)

reproduce: $(READY) ## run the recipes of a suite: SUITE=mnist BUDGET=smoke
	$(ZOO) reproduce $(strip $(SUITE) $(if $(BUDGET),--budget=$(BUDGET)) \
		$(if $(SEEDS),--seeds=$(SEEDS)) $(FLAGS))

figure: $(READY) ## draw a figure of the lectures: FIGURE=boundaries_l2
	$(PY) -m experiments.figures $(strip $(FIGURE) \
		$(if $(BUDGET),--budget=$(BUDGET)) $(FLAGS))

results: $(READY) ## record runs of recipes in RESULTS.md: RUNS='lr-mnist'
	$(PY) -m experiments.record_results $(strip $(RUNS) $(FLAGS))

recipes: $(READY) ## list the recipes of experiments/
	$(ZOO) recipes $(FLAGS)

runs: $(READY) ## list the runs, with status and best score
	$(ZOO) runs $(FLAGS)

tensorboard: $(READY) ## show all runs in TensorBoard
	$(PY) -m tensorboard.main --logdir runs $(FLAGS)

bench: $(READY) ## benchmark against Keras and PyTorch: FLAGS='startup'
	$(PY) -m benchmarks $(FLAGS)

doctor: ## find problems of the installation, with remedies
	@if test -x $(PY); then $(ZOO) doctor $(FLAGS); \
	else python3 -m zoo doctor $(FLAGS); fi

check: test ## the same as test

test: lint ## check the code and run the quick tests
	$(PY) -m pytest $(WORKERS) $(FLAGS)

lint: $(DEV) ## only check the code
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -c 'from importlinter.cli import lint_imports_command as lint; lint()' \
		--no-cache

format: $(DEV) ## format the code
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	$(PY) -m docs.notebooks

test-slow: $(DEV) ## run the slow tests: large models, kills, real set-ups
	$(PY) -m pytest $(WORKERS) -m slow $(FLAGS)

test-data: $(DEV) ## run the tests that read real datasets
	$(PY) -m pytest -m data $(FLAGS)

test-browser: $(DEV) ## run the tests in a browser: TensorBoard, pages
	$(PY) -m pytest -m browser -rs $(FLAGS)

test-cluster: $(DEV) ## run the tests on a Ray cluster of two nodes
	$(PY) -m pytest -m cluster -rs $(FLAGS) \
		tests/integration/tuning/cluster

test-jax: $(DEV) ## try models and runs on JAX, in part without TensorFlow
	KERAS_BACKEND=jax $(PY) -m pytest $(WORKERS) $(FLAGS) \
		tests/unit/models/test_contract.py \
		tests/integration/backends/test_models.py \
		-k 'logits or gradient or tensorflow'
	$(PY) -m pytest -m 'jax or not slow' $(FLAGS) \
		tests/integration/backends tests/unit/data/test_batches.py

test-mutants: $(DEV) ## break lines of zoo/, and list what no unit test notices
	@$(PY) -c 'import cosmic_ray, coverage' 2>/dev/null || \
		$(INSTALL) --editable '.[mutants]'
	$(PY) tests/mutants.py $(FLAGS)

lock: ## renew both locks (FLAGS=--upgrade for newer versions; needs uv)
	@command -v uv >/dev/null || \
		{ echo 'zoo: make lock needs the command uv; install it.' >&2; exit 2; }
	@$(COMPILE) --output-file requirements.lock $(FLAGS)
	@sed '/^-r/d' requirements.lock requirements-dev.lock > .lock
	@$(COMPILE) --output-file .lock $(FLAGS) --constraint requirements.lock \
		--extra dev --extra docs
	@{ echo '# What development needs besides; made by `make lock`.'; \
	echo '-r requirements.lock'; grep -vxFf requirements.lock .lock; } \
		> requirements-dev.lock
	@rm .lock

docs: $(DEV) ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict $(FLAGS)

clean: ## remove .venv and caches; runs are never touched
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis build dist site
	find zoo tests experiments -name __pycache__ -type d -prune \
		-exec rm -rf {} +
