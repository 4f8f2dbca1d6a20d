# make demo      set up, run the default day without and with coordination, compare
# make test      every test
# make lint      format, style, types, import layers
# make bench     where the time goes, beside the baseline; minutes (BENCH=--quick: one)
# make evidence  what the README shows: all strategies, the frontier, the page
# make clean     forget the environment and all caches

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 12))
METADATA := setup.cfg pyproject.toml
# the coldest day of each winter month of the default weather
WINTER_DAYS := 2016-01-04 2016-02-08 2016-12-22
BASELINE := benchmarks/baseline.json
# such as --full, --year, --sites 15000, --json FILE
BENCH :=
DEMO := results/two_areas-price-only-1.h5 results/two_areas-two-stage-1.h5

.PHONY: demo test lint bench evidence clean

demo: $(VENV)/.installed
	$(BIN)/mosaik-bottomup run --strategy price-only --force --quiet
	$(BIN)/mosaik-bottomup run --strategy two-stage --force --quiet
	$(BIN)/mosaik-bottomup show $(DEMO)
	@echo "results: $(DEMO)"

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -q -n 2

# mypy follows neither editable installs nor package_dir: it gets a link instead
lint: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	mkdir -p $(VENV)/typing/mosaik_components
	ln -sfn ../../../simulators $(VENV)/typing/mosaik_components/bottomup
	MYPYPATH=$(VENV)/typing $(BIN)/mypy -p mosaik_bottomup -p mosaik_components.bottomup
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/.installed
	$(BIN)/python -m mosaik_bottomup.app.bench --compare $(BASELINE) $(BENCH)

evidence: $(VENV)/.installed
	$(BIN)/mosaik-bottomup compare --out results/at-160-kva
	$(BIN)/mosaik-bottomup compare --limit 73 --out results/at-73-percent
	$(BIN)/mosaik-bottomup frontier --out results/frontier
	cp results/frontier/frontier.svg docs/
	$(BIN)/mosaik-bottomup report results/at-160-kva results/at-73-percent \
	    results/frontier --out results/report.html --force
	for day in $(WINTER_DAYS); do for limit in '' '--limit 73'; do \
	    $(BIN)/mosaik-bottomup compare --strategies price-only,two-stage,optimum \
	        --seeds 1-3 --set run.start=$${day}T00:00:00+01:00 $$limit \
	        --out "results/gap/$$day$$limit" || exit 1; done; done
	@echo "tables: results/*/compare.md results/gap/*/compare.md"

clean:
	rm -rf $(VENV) build *.egg-info .hypothesis .import_linter_cache .mypy_cache \
	    .pytest_cache .ruff_cache

$(BIN)/python:
	@for python in python3.12 python3 python3.13 python3.14 python; do \
	    if $$python -c '$(NEW_ENOUGH)' >/dev/null 2>&1; then \
	        echo "$$python -m venv $(VENV)"; \
	        $$python -m venv $(VENV) && exit 0; \
	        rm -rf $(VENV); \
	        echo "$$python cannot make a virtual environment;" \
	            "on Debian, install python3-venv." >&2; exit 1; \
	    fi; \
	done; \
	echo "mosaik-bottomup needs Python 3.12 or newer, and there is none on the PATH." >&2; \
	exit 1

$(VENV)/.installed: $(METADATA) | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: $(METADATA) | $(BIN)/python
	$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.installed
