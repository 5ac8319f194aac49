# Everything runs in .venv, installed once with the versions in constraints.txt; the tests of the core also run with
# Keras 3 in .venv-keras3, which has no TF-Agents: that needs Keras 2. It also builds the documentation, for TF-Agents needs
# a typing_extensions that is too old for Sphinx. What knows no Keras runs once. The optimizers also
# run on JAX, there, and on PyTorch in .venv-torch, which has no TensorFlow.

# Tried by running it: a version manager can put names on PATH that do not run.
PYTHON ?= $(shell for p in python3.11 python3 python; do $$p -c '' 2>/dev/null && echo $$p && break; done)

# Written last, so that an interrupted install is not taken for a finished one.
INSTALLED := .venv/installed
INSTALLED_KERAS3 := .venv-keras3/installed
INSTALLED_TORCH := .venv-torch/installed
INSTALLED_PACKAGE := .venv-package/installed

# A process a core, a file at a time; to see one test alone: make test PARALLEL= ARGS=tests/dsl/test_rule.py
PARALLEL ?= -n auto --dist loadfile --no-loadscope-reorder

# What runs on any backend of Keras. A test that needs TensorFlow lies in another file.
ANY_BACKEND := tests/exports tests/optimizers tests/test_listing.py tests/test_schedules.py tests/test_decays.py \
    tests/test_without_tensorflow.py $(addprefix tests/contracts/test_,configs.py keras_features.py optimizers.py)

# tf_keras is Keras 2: each optimizer of the catalogue runs with that, and here what they are made of, with the contracts.
WITH_TF_KERAS := $(addprefix tests/optimizers/test_,rule_optimizer.py sign_optimizers.py subclasses.py)

.PHONY: help docs search test test-long test-keras3 test-jax test-torch lint notebooks package clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

search: $(INSTALLED) ## Search for optimizers; its options: make search ARGS=--help
	@.venv/bin/nos-search $(ARGS)

test: $(INSTALLED) ## Run the tests; pytest's options: make test ARGS="-k decays"
	@.venv/bin/python -m pytest $(PARALLEL) $(ARGS)

test-long: $(INSTALLED) ## Run what make test runs at small size, kills and fuzzing, at full size
	@NOS_LONG=1 .venv/bin/python -m pytest $(PARALLEL) -m long $(ARGS)

test-keras3: $(INSTALLED_KERAS3) ## Run the tests of the core with Keras 3, and of the optimizers with tf_keras and JAX
	@.venv-keras3/bin/python -m pytest $(PARALLEL) -m "not once" $(ARGS)
	@TF_USE_LEGACY_KERAS=1 .venv-keras3/bin/python -m pytest $(PARALLEL) -m "not once" \
	    tests/contracts tests/test_schedules.py $(WITH_TF_KERAS) $(ARGS)
	@$(MAKE) --no-print-directory test-jax

test-jax: $(INSTALLED_KERAS3) ## Run the tests of the optimizers on JAX
	@KERAS_BACKEND=jax .venv-keras3/bin/python -m pytest $(PARALLEL) -m "not once" $(ANY_BACKEND) $(ARGS)

test-torch: $(INSTALLED_TORCH) ## Run the tests of the optimizers on PyTorch
	@KERAS_BACKEND=torch .venv-torch/bin/python -m pytest $(PARALLEL) -m "not once" $(ANY_BACKEND) $(ARGS)

docs: $(INSTALLED) $(INSTALLED_KERAS3) ## Rewrite what the documents say of the code, and build them into site/
	@.venv/bin/python -m tools.docs
	@TF_CPP_MIN_LOG_LEVEL=3 .venv-keras3/bin/python -m tools.site

notebooks: $(INSTALLED_KERAS3) ## Run the notebooks, and keep what they print and draw in them
	@PATH="$(CURDIR)/.venv-keras3/bin:$$PATH" .venv-keras3/bin/python -m tools.notebooks

# The wheel has to bring all that it needs: what is tried runs outside the checkout, and imports none of it.
package: $(INSTALLED) $(INSTALLED_PACKAGE) ## Build the wheel and the sdist into dist/, check them, and try the wheel
	@rm -rf dist build/tried
	@.venv-package/bin/python -m build >/dev/null
	@.venv-package/bin/python -m twine check --strict dist/*
	@.venv-package/bin/check-wheel-contents dist/*.whl
	@.venv-package/bin/python -m pip install -q --disable-pip-version-check --no-deps --target build/tried dist/*.whl
	@cd build && PYTHONPATH=tried ../.venv/bin/python -c 'import nos_commands as it, sys; print(it.__file__); sys.exit(it.search())' \
	    --protocol reduced --budget 3 --fresh_seeds 0 --cache none --out tried/run

# Without these pyright would take the settings of any directory above that has some, and ask the package index whether
# there is a later pyright.
lint: $(INSTALLED) ## Check style, format and types
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 .venv/bin/pyright --project pyproject.toml

clean: ## Remove caches and build artefacts; environments and runs stay
	@rm -rf build dist site jupyter_execute *.egg-info .pytest_cache .ruff_cache
	@find . -name '.venv*' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# $(call install,directory,constraints,what,time)
# pip calls a package installed once its metadata is there, but writes INSTALLER only after its files: what lacks it goes.
# gym comes as source; without --use-pep517 the pip of Python 3.11 warns about how it builds it.
define install
	@python="$(PYTHON)"; first="Install Python 3.11"; \
	if $(1)/bin/python -c '' 2>/dev/null; then \
	    python=$(1)/bin/python; first="Remove $(1), install Python 3.11"; fi; \
	advice="$$first and run: make PYTHON=python3.11 $(MAKECMDGOALS)"; \
	version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); \
	case "$$version" in \
	3.11) exit 0 ;; \
	"") echo "No Python found$${python:+: $$python does not run}. $$advice" ;; \
	2.*|3.?|3.10) echo "Python $$version is too old: $(2) is for Python 3.11. $$advice" ;; \
	*) echo "Python $$version is too new: $(2) is for Python 3.11, the last that TF-Agents 0.19" \
	    "and its TensorFlow 2.15 run on. $$advice" ;; \
	esac >&2; exit 1
	@for info in $(1)/lib/python3.11/site-packages/*.dist-info; do \
	    [ -e "$$info/INSTALLER" ] || rm -rf "$$info"; done
	@{ $(1)/bin/python -c '' 2>/dev/null || "$(PYTHON)" -m venv --clear --without-pip $(1); } && \
	{ $(1)/bin/python -m pip --version >/dev/null 2>&1 || $(1)/bin/python -m ensurepip >/dev/null; } || \
	{ echo "This Python lacks its venv module: on Debian or Ubuntu, apt install python3.11-venv" >&2; exit 1; }
	@echo "Installing into $(1) (about $(4), once) ..."
	@$(1)/bin/python -m pip install -qq --disable-pip-version-check --use-pep517 -c $(2) $(3)
	@touch $@
endef

comma := ,

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	$(call install,.venv,constraints.txt,-e ".[tf-agents$(comma)distributed$(comma)benchmarks$(comma)test$(comma)lint]",three minutes)

$(INSTALLED_KERAS3): setup.cfg pyproject.toml constraints-keras3.txt
	$(call install,.venv-keras3,constraints-keras3.txt,-e ".[search$(comma)l2o$(comma)jax$(comma)test$(comma)docs]" tf_keras optax,a minute)

$(INSTALLED_TORCH): setup.cfg pyproject.toml constraints-torch.txt
	$(call install,.venv-torch,constraints-torch.txt,-e ".[torch]" pytest pytest-xdist,two minutes and 3 GB)

$(INSTALLED_PACKAGE): constraints-package.txt
	$(call install,.venv-package,constraints-package.txt,build check-wheel-contents twine,half a minute)
