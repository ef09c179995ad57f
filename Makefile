# The words a person types. `make demo` and `make test` start from nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup
WEB_STAMP := web/node_modules/.setup
DIST := src/workbench/api/static/index.html
ARGS ?=
# Compiled modules are kept, whatever the environment says: without them every process compiles every test.
unexport PYTHONDONTWRITEBYTECODE
# Two cores are busy with four, because a server's tests wait for the disk and for processes to end.
PYTEST := $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-long check check-web check-python setup system sandbox web bench lock clean format screenshots

demo: setup sandbox web
	@$(BIN)/workbench demo $(ARGS)

test: setup system web
	$(BIN)/ruff check .
	$(BIN)/lint-imports --config .importlinter
	$(BIN)/mypy
	@$(MAKE) --no-print-directory -j2 check-web check-python

# Side by side: the page's checks use one core for most of their time.
check-web:
	cd web && npm run --silent check
check-python:
	tests/in_memory.sh $(PYTEST)

test-long: setup system web
	WORKBENCH_TESTS_PROGRAMS=new WORKBENCH_HYPOTHESIS=search $(PYTEST) -o faulthandler_timeout=3600 -m "long or not long"

check: setup system web
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config .importlinter
	@$(MAKE) --no-print-directory -j2 check-web check-python

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup system web
	$(BIN)/python -m bench $(ARGS)

# Python packages, each pinned by version and hash.
setup: $(STAMP)
$(STAMP): requirements/dev.lock requirements/s3-server.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "python3 >= 3.11 is needed: install it and run make again"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "python >= 3.11 is needed; say PYTHON=/path/to/python3.11 make …"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	test -x $(VENV)/s3-server/bin/python || $(PYTHON) -m venv $(VENV)/s3-server
	$(VENV)/s3-server/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/s3-server.lock
	@touch $@

# bubblewrap and Chromium come from the system's packages.
system: setup
	@sh bin/system-packages sandbox browser

sandbox:
	@sh bin/system-packages sandbox

# The page is built once and served by the Python package.
web: $(DIST)
$(WEB_STAMP): web/package-lock.json web/package.json
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@
$(DIST): $(WEB_STAMP) $(shell find web/src web/public -type f 2>/dev/null) web/index.html web/vite.config.ts web/tsconfig.json
	cd web && npm run --silent build
	@touch $@

# Lock files hold versions and hashes, never a download address.
lock: setup
	$(BIN)/uv pip compile -q --generate-hashes --no-header --no-emit-index-url --no-annotate --universal --python-version 3.11 pyproject.toml -o requirements/runtime.lock
	$(BIN)/uv pip compile -q --generate-hashes --no-header --no-emit-index-url --no-annotate --universal --python-version 3.11 pyproject.toml --group dev -c requirements/runtime.lock -o requirements/dev.lock
	$(BIN)/uv pip compile -q --generate-hashes --no-header --no-emit-index-url --no-annotate --universal --python-version 3.11 --group pyproject.toml:s3-server -o requirements/s3-server.lock

clean:
	rm -rf $(VENV) web/node_modules src/workbench/api/static dist .pytest_cache .mypy_cache .ruff_cache

# The pictures in README are taken by the browser tests, so they show the page as it is.
screenshots: setup system web
	WORKBENCH_SCREENSHOTS=$(CURDIR)/docs/images $(BIN)/pytest tests/browser --basetemp=/tmp/example -k "from_the_recommendation or run_page_in_the_dark or held_is_approved"
