# Everything needs only Python 3.11+ and make; `make help` lists the commands.
PYTHON ?= python3
AIRFLOW_PORT ?= 8080
SERVICE_PORT ?= 8090
RAW ?=
EXHAUSTIVE ?=
EXIT ?=
RUN = .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo loop-demo test lint format python environment test-environment lock env compose-smoke bench-serving bench-exactness bench-monitoring bench-dashboard bench-shadow bench-replay promises screenshots clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: environment ## The whole loop on this machine (RAW=dir: your CSVs; EXIT=1: stop when done; AIRFLOW_PORT=, SERVICE_PORT=)
	@$(RUN) airflow/embedded/demo.py --airflow-port $(AIRFLOW_PORT) --service-port $(SERVICE_PORT) \
	  $(if $(RAW),--raw "$(RAW)") $(if $(EXIT),--exit)

loop-demo: environment ## The closed loop under live traffic: drift, decision, training, promotion, new answers (EXIT=1; ports)
	@$(RUN) airflow/embedded/loop.py --airflow-port $(AIRFLOW_PORT) --service-port $(SERVICE_PORT) $(if $(EXIT),--exit)

test: test-environment ## All tests, with coverage (EXHAUSTIVE=1: also at length what has a short form)
	@EXHAUSTIVE="$(EXHAUSTIVE)" .ci/test

lint: test-environment ## What CI checks before it tests: ruff, mypy, the layers
	@.ci/lint

format: test-environment ## Format the code
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

python:
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON) here: install Python 3.11 or newer, or say make PYTHON=/path/to/python" >&2; exit 1; }

environment: python
	@$(PYTHON) .ci/environment.py .venv model_package/requirements.txt --editable model_package

test-environment: python
	@$(PYTHON) .ci/environment.py .venv model_package/requirements-test.txt --editable model_package

lock: test-environment ## Renew the hashed locks from the *.in files
	@.ci/lock

env: python ## Write .env with generated secrets for docker-compose
	@$(PYTHON) .ci/make-env

compose-smoke: ## Build and run docker-compose, both DAGs on a Celery worker, a prediction through nginx, and down
	@.ci/compose-smoke

bench-serving: test-environment ## Measure the service against its peers and ceilings, 25 minutes (OPTIONS="--quick": one)
	@$(RUN) benchmarks/serving $(OPTIONS)

screenshots: test-environment ## Take the pictures in docs/ anew from a running `make demo` (needs Chromium)
	@$(RUN) docs/screenshots.py --airflow-port $(AIRFLOW_PORT) --service-port $(SERVICE_PORT)

bench-exactness: test-environment ## Prove a million rows of each family of estimators against its compiled form
	@$(RUN) benchmarks/exactness

bench-monitoring: test-environment ## Measure false alarms, what is found, estimates and CPU time of the monitors; status 0 only when all goals hold
	@$(RUN) benchmarks/monitoring $(OPTIONS)

bench-dashboard: test-environment ## Fill databases with ten million predictions and time a dashboard's boards (OPTIONS="--rows 200000": a minute)
	@$(RUN) benchmarks/dashboard $(OPTIONS)

bench-shadow: test-environment ## Measure what a challenger beside the champion costs the service's clients, 12 minutes
	@$(RUN) benchmarks/shadow $(OPTIONS)

bench-replay: test-environment ## Measure a replay of 100,000 stored rows, in SQLite and in PostgreSQL
	@$(RUN) benchmarks/replay $(OPTIONS)

promises: test-environment ## Measure what the service promises, on a quiet machine; status 0 only when all of it holds
	@$(RUN) benchmarks/promises $(if $(ONLY),--only "$(ONLY)")

clean: ## Remove the environments and what tools left; data, models and Airflow's home stay
	rm -rf .venv .venv-* dist .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
