# Every target sets up .venv first (once). PYTHON names the interpreter it is made from: 3.11 or later.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

# One thread for each library's own pool: the tests already run in WORKERS processes.
export OMP_NUM_THREADS ?= 1
export RAY_USAGE_STATS_ENABLED := 0
export PYTHONUNBUFFERED := 1

# What `make demo` runs.
DEMO = $(BIN)/patchpact train --scenario boutique-v1 --timesteps 400000 --seed 0 --out runs/demo --evaluation-episodes 0 \
  && $(BIN)/patchpact evaluate --scenario boutique-v1 --policy runs/demo --baselines --versus net-gain-patient --episodes 1024 --seed 1000

# What the policy that comes with the package was trained with.
PRETRAIN = $(foreach name,boutique bank-of-anthos otel-demo robot-shop sock-shop generated symbiosis,--scenario $(name)-v1) \
  --graphs 12 --num-envs 152 --timesteps 400000 --seed 0 --minibatch 3072 --threads 3 --validate-every 5 \
  --validation-episodes 32 --checkpoint-every 5 --evaluation-episodes 0

.PHONY: help setup demo test test-slow test-cluster lint format types bench bench-peers benchmark pretrained coverage games mechanisms \
  constraints clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: $(VENV)/.installed  ## make .venv with the pinned versions

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "%s is Python %d.%d; make PYTHON=... with 3.11 or later" % (sys.executable, v[0], v[1]))'
	@echo "setting up $(VENV): some minutes, once"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt setuptools
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt --no-build-isolation -e ".[train,platform,dev]"
	@touch $@

demo: setup  ## train on Online Boutique, then set the learned policy beside every baseline
	@rm -rf runs/demo
	$(DEMO)

# The kernel compiles beside lint and types, once, not in every test process.
test: setup  ## lint, types and the fast tests
	@$(BIN)/python -c "import patchpact; patchpact.make_vec('toy-v1', num_envs=1).reset(seed=0)" & \
	$(MAKE) --no-print-directory lint types; status=$$?; wait; exit $$status
	$(BIN)/pytest -q -m "not slow and not cluster" -n $(WORKERS)

test-slow: setup  ## notebooks, kills, the installed wheel, long properties
	$(BIN)/pytest -q -m slow

test-cluster: setup  ## two ray nodes, killed runners and nodes, several learners (an idle machine)
	$(BIN)/pytest -q -m cluster

lint: setup  ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup  ## mend style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup .mypy/patchpact  ## static types
	$(BIN)/mypy

# The root folders are the package, which mypy cannot know: links in the package's shape, outside git.
.mypy/patchpact: Makefile
	@rm -rf .mypy && mkdir -p $@
	@for name in __init__.py __main__.py py.typed cli; do ln -s ../../patchpact/$$name $@/$$name; done
	@for name in scenarios agents envs ecosystem training; do ln -s ../../$$name $@/$$name; done

bench: setup  ## speed of the core, of the PettingZoo face and of training
	$(BIN)/patchpact bench core
	$(BIN)/patchpact bench env
	$(BIN)/patchpact bench scale
	$(BIN)/patchpact bench tables
	$(BIN)/patchpact bench roles
	$(BIN)/patchpact bench train

bench-peers: setup  ## patchpact and its peers by turns, each peer in its own environment (gigabytes): docs/peers.md
	$(BIN)/python benchmarks/peers/run.py --write-docs

benchmark: setup  ## the whole suite with rules, planners and references (hours), and the leaderboard in README.md
	$(BIN)/patchpact benchmark --policies all --jobs $(WORKERS) --out runs/benchmark
	$(BIN)/patchpact report runs/benchmark
	$(BIN)/python tools/write_leaderboard.py runs/benchmark

pretrained: setup  ## train the policy that comes with the package (a quarter of an hour)
	@rm -rf runs/pretrained
	$(BIN)/patchpact train $(PRETRAIN) --out runs/pretrained
	$(BIN)/python tools/keep_pretrained.py runs/pretrained

coverage: setup  ## do the intervals cover what they say: docs/coverage.csv
	$(BIN)/python tools/coverage.py

games: setup  ## is each bundled scenario worth playing: docs/games.md
	$(BIN)/python tools/write_games.py 256

mechanisms: setup  ## what beats each trivial strategy and what each mechanism moves: docs/mechanisms.md and two tables
	$(BIN)/python tools/trivial_strategies.py
	$(BIN)/python tools/mechanisms.py

constraints:  ## renew constraints.txt: the newest versions that pyproject.toml allows
	@rm -rf build/constraints
	@$(PYTHON) -m venv build/constraints
	@build/constraints/bin/python -m pip install -qq --disable-pip-version-check setuptools
	@build/constraints/bin/python -m pip install -qq --disable-pip-version-check --no-build-isolation -e ".[train,platform,flower,dev]"
	@{ head -1 constraints.txt; build/constraints/bin/python -m pip freeze --all --exclude-editable | grep -v -i '^pip==' | sed 's/+.*//'; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -rf build/constraints

clean:  ## remove what make made; runs/ stays
	rm -rf $(VENV) .mypy .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist patchpact.egg-info
