# `make demo` opens the suite, `make test` runs every test. Needs Python 3.11 or newer and make; the rest installs itself.
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test check bench train train-all golden pictures labels check-space chromium

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
FAST := -m "not slow and not browser and not network"

help:
	@echo "make demo         install if needed and serve the suite on http://127.0.0.1:7860"
	@echo "make test         every test, with Chromium where it can be installed"
	@echo "make check        format, lint, types and the fast tests"
	@echo "make bench        timings beside the originals, printed as ratios"
	@echo "make train        train emoji-vit and emoji-llava again (hours)"
	@echo "make train-all    the same, and the sixteen models of the zoo (more hours; PRISMA_CIFAR10 says where its photos are)"
	@echo "make golden       rewrite the golden pictures; look at the diff"
	@echo "make pictures      draw the README's pictures again"
	@echo "make labels       rebuild the emoji tables and the font subset"
	@echo "make check-space  can a Hugging Face Space install requirements.txt? (needs the package index)"

# The first Python that is new enough and can make environments. Each candidate is run, since a name may be a stub.
$(PY):
	@for python in python3.13 python3.12 python3.11 python3.14 python3; do \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		found=$$python; \
		$$python -c 'import venv, ensurepip' 2>/dev/null || continue; \
		echo "creating $(VENV) with $$($$python --version)"; \
		exec $$python -m venv --clear $(VENV); \
	done; \
	if [ -n "$$found" ]; then \
		echo "$$found cannot create environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; \
	else \
		echo "Python 3.11 or newer is needed, but none of python3.11 to python3.14 and python3 is one" >&2; \
	fi; exit 1

# An installed list is kept as a copy in the environment: nothing is asked of pip until the list changes.
define install
	@cmp -s $(1) $(VENV)/installed-$(1) || { \
		$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
			{ echo "$(VENV) holds a Python older than 3.11; remove that folder and try again" >&2; exit 1; }; \
		$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null; \
		echo "installing $(1); the first time, torch makes that a download of a few GB"; \
		$(PIP) install -r $(1) && cp $(1) $(VENV)/installed-$(1); }
endef

setup: $(PY)
	$(call install,requirements.txt)

setup-dev: setup
	$(call install,requirements-dev.txt)

demo: setup
	@$(PY) -m apps

# Browser tests need a Chromium. Debian's is installed where we may; otherwise those tests skip and say why.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
		if [ "$$(id -u)" = 0 ]; then sudo=; elif sudo -n true 2>/dev/null; then sudo="sudo -n"; else sudo=no; fi; \
		if [ "$$sudo" != no ] && command -v apt-get >/dev/null; then \
			echo "installing Chromium for the browser tests"; \
			export DEBIAN_FRONTEND=noninteractive; \
			{ $$sudo apt-get -qq update && $$sudo apt-get -qq install -y --no-install-recommends chromium; } \
				>/dev/null 2>&1 </dev/null; \
		fi; command -v chromium >/dev/null; \
	} || echo "no Chromium here: the browser tests will skip; to lift that, apt-get install chromium"

# In two processes; then the browsers by themselves, since one with its server keeps two cores busy.
test: setup-dev chromium
	@$(PY) -m pytest -n 2 --dist loadfile -m "not browser"
	@$(PY) -m pytest -m browser

check: setup-dev
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m pyright
	@$(PY) -m pytest -q -n 2 --dist loadfile $(FAST)

bench: setup-dev
	@$(PY) -m benchmarks

train: setup
	$(PY) -m prisma_engine.toy.train emoji-vit emoji-llava
	$(PY) -m model_cards build

train-all: setup
	$(PY) -m prisma_engine.toy.train emoji-vit emoji-llava zoo
	$(PY) -m model_cards build

golden: setup-dev
	UPDATE_GOLDEN=1 $(PY) -m pytest -q tests/golden

pictures: setup
	$(PY) -m apps.pictures

labels: setup
	$(PY) -m prisma_engine.labels.build

check-space: setup-dev
	@$(PY) -m pytest -q tests/test_requirements.py -m slow
