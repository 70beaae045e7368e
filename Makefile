# The project's commands. Each installs what it needs: a virtual environment from the locked
# requirements, page assets from the locked package list, a browser for the browser tests.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
VENDOR := src/trunkline/console/static/vendor
SHARDS ?= 2
MINUTES ?= 30

# Many processes start here: what Python has compiled is kept, also where an image's setting says
# otherwise.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run serve test check unit lint bench pictures fuzz conformance soak lock audit clean browser peers

help:  ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

run: $(BIN)/.kernel $(VENDOR)/.assets  ## a month of an operator's life, then go on serving (FRESH=1 starts over)
	@$(BIN)/trunkline demo $(if $(FRESH),--fresh) $(ARGS)

serve: $(BIN)/.kernel $(VENDOR)/.assets  ## serve the operator that trunkline.toml describes
	@$(BIN)/trunkline serve $(ARGS)

test: $(BIN)/.dev $(BIN)/.kernel $(VENDOR)/.assets browser peers  ## all tests
	$(BIN)/pytest -n $(SHARDS) --dist worksteal -m "not browser" $(ARGS)
	$(BIN)/pytest -m browser tests/browser

check: $(BIN)/.dev  ## lint, types, import law and unit tests, in under a minute
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint unit

lint: $(BIN)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(BIN)/.dev
	$(BIN)/pytest -n $(SHARDS) --dist worksteal tests/unit tests/architecture -m "not slow and not postgresql and not browser"

bench: $(BIN)/.dev $(BIN)/.kernel $(VENDOR)/.assets  ## figures into build/bench.json (ONLY=gy runs one)
	@mkdir -p build
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(ARGS)

pictures: $(BIN)/.dev $(VENDOR)/.assets browser  ## the README's pictures anew, taken by the browser tests
	TRUNKLINE_TEST_PICTURES=1 $(BIN)/pytest tests/browser/test_pictures.py $(ARGS)

fuzz: $(BIN)/.dev $(BIN)/.kernel  ## properties and fuzzers, fifty times as long (FILES=tests/properties)
	$(BIN)/pytest -n $(SHARDS) --dist worksteal --hypothesis-profile fuzz --timeout 0 -m hypothesis $(or $(FILES),tests) $(ARGS)

conformance: $(BIN)/.dev  ## docs/conformance.md anew, from the declarations and a run of their tests
	rm -rf build/conformance
	$(BIN)/pytest -n $(SHARDS) --dist worksteal tests/conformance/tmf $(ARGS)
	$(BIN)/python -m tests.conformance.tmf.report

# Workers, PostgreSQL and connections, under load on both edges; pools, vouchers, runs and relays.
KILLED := tests/conformance/*/test_killed.py tests/conformance/diameter/test_processes.py \
  tests/conformance/diameter/test_outages.py tests/scenarios/test_charging_workers.py \
  tests/scenarios/*_killed.py tests/unit/platform/test_relay_crashes.py

# Each round kills at other moments.
soak: $(BIN)/.dev $(BIN)/.kernel  ## kill processes at work, again and again (MINUTES=30)
	@end=$$(( $$(date +%s) + $(MINUTES) * 60 )); round=1; while [ $$(date +%s) -lt $$end ]; do \
	  TRUNKLINE_TEST_ROUND=$$round $(BIN)/pytest $(KILLED) $(ARGS) || exit 1; round=$$(( round + 1 )); \
	done

audit: $(BIN)/.dev  ## known vulnerabilities in what is locked
	$(BIN)/pip-audit --require-hashes --disable-pip -r requirements/runtime.lock -r requirements/dev.lock

lock: $(BIN)/.bootstrap  ## lock the newest versions that pyproject.toml and package.json allow
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.11 requirements/bootstrap.in -o requirements/bootstrap.lock
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml -o requirements/runtime.lock
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml --group dev -c requirements/runtime.lock -o requirements/dev.lock
	npm install --package-lock-only --ignore-scripts

clean:  ## remove what was installed and built (not var/, the operator's data)
	rm -rf $(VENV) node_modules build $(VENDOR) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/.bootstrap: requirements/bootstrap.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --require-hashes -r requirements/bootstrap.lock
	@touch $@

$(BIN)/.runtime: $(BIN)/.bootstrap requirements/runtime.lock pyproject.toml
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/runtime.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# The rating kernel as machine code, so that no process spends its start on it.
$(BIN)/.kernel: $(BIN)/.runtime $(wildcard src/trunkline/rating/*.py)
	@$(BIN)/python -c "from trunkline.rating import compiled; compiled.load()"
	@touch $@

$(BIN)/.dev: $(BIN)/.runtime requirements/dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.lock
	@touch $@

# The browser tests drive Debian's Chromium, those of Diameter its freeDiameter, and its tshark
# judges; as root they are installed, otherwise they are asked for.
peers:
	@command -v freeDiameterd >/dev/null 2>&1 && command -v tshark >/dev/null 2>&1 || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	      freediameter freediameter-extensions tshark >/dev/null; \
	} || echo "freediameter or tshark is not installed: their tests will say that they skipped"

browser:
	@command -v chromium >/dev/null 2>&1 || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	  else \
	    echo "chromium is not installed: the browser tests will say that they skipped"; \
	  fi; }

node_modules/.installed: package.json package-lock.json
	@npm ci --ignore-scripts --no-progress --silent
	@touch $@

$(VENDOR)/.assets: node_modules/.installed Makefile
	@rm -rf $(VENDOR) && mkdir -p $(VENDOR)/tabler $(VENDOR)/icons/fonts $(VENDOR)/swagger-ui
	@cp node_modules/@tabler/core/dist/css/tabler.min.css node_modules/@tabler/core/dist/css/tabler-vendors.min.css $(VENDOR)/tabler/
	@cp node_modules/@tabler/core/dist/js/tabler.min.js $(VENDOR)/tabler/
	@cp node_modules/@tabler/icons-webfont/dist/tabler-icons.min.css $(VENDOR)/icons/
	@cp node_modules/@tabler/icons-webfont/dist/fonts/tabler-icons.woff2 $(VENDOR)/icons/fonts/
	@cp node_modules/htmx.org/dist/htmx.min.js node_modules/echarts/dist/echarts.min.js $(VENDOR)/
	@cp node_modules/swagger-ui-dist/swagger-ui.css node_modules/swagger-ui-dist/swagger-ui-bundle.js $(VENDOR)/swagger-ui/
	@touch $@
