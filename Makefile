# Everything runs in .venv, installed once with the versions in constraints.txt.

# Tried by running it: a version manager can put names on PATH that do not run.
PYTHON ?= $(shell for p in python3.11 python3 python; do $$p -c '' 2>/dev/null && echo $$p && break; done)

# Written last, so that an interrupted install is not taken for a finished one.
INSTALLED := .venv/installed

.PHONY: help search test lint clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

search: $(INSTALLED) ## Search for optimizers; its options: make search ARGS=--help
	@.venv/bin/nos-search $(ARGS)

test: $(INSTALLED) ## Run the tests; pytest's options: make test ARGS="-k decays"
	@.venv/bin/python -m pytest $(ARGS)

lint: $(INSTALLED) ## Check the code with ruff
	@.venv/bin/ruff check $(ARGS)

clean: ## Remove caches and build artefacts; .venv and runs stay
	@rm -rf build dist *.egg-info .pytest_cache .ruff_cache
	@find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	@python="$(PYTHON)"; first="Install Python 3.11"; \
	if .venv/bin/python -c '' 2>/dev/null; then \
	    python=.venv/bin/python; first="Remove .venv, install Python 3.11"; fi; \
	advice="$$first and run: make PYTHON=python3.11 $(MAKECMDGOALS)"; \
	version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); \
	case "$$version" in \
	3.11) exit 0 ;; \
	"") echo "No Python found$${python:+: $$python does not run}. $$advice" ;; \
	2.*|3.?|3.10) echo "Python $$version is too old: constraints.txt is for Python 3.11. $$advice" ;; \
	*) echo "Python $$version is too new: TF-Agents 0.19 needs TensorFlow 2.15," \
	    "which runs on Python 3.11. $$advice" ;; \
	esac >&2; exit 1
# pip calls a package installed once its metadata is there, but writes INSTALLER only after its files.
	@for info in .venv/lib/python3.11/site-packages/*.dist-info; do \
	    [ -e "$$info/INSTALLER" ] || rm -rf "$$info"; done
	@{ .venv/bin/python -c '' 2>/dev/null || "$(PYTHON)" -m venv --clear --without-pip .venv; } && \
	{ .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null; } || \
	{ echo "This Python lacks its venv module: on Debian or Ubuntu, apt install python3.11-venv" >&2; exit 1; }
	@echo "Installing into .venv (about three minutes, once) ..."
# gym comes as source; without --use-pep517 the pip of Python 3.11 warns about how it builds it.
	@.venv/bin/python -m pip install -qq --disable-pip-version-check --use-pep517 \
	    -c constraints.txt -e ".[search,test]"
	@touch $@
