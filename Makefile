# Everything runs in a virtual environment of the project's own: Python and a C compiler are enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip --disable-pip-version-check -q
# pip before 23.1 (Debian 12 has 23.0) knows no -C
EDITABLE := --no-build-isolation --config-settings=editable.rebuild=true \
  --config-settings=build-dir=build/editable
PYTEST := $(BIN)/python -m pytest
CMAKE := $(BIN)/cmake

.PHONY: refusals walks test-gate test-export test-report test-dask test-cloud test-machines bench bench-gate bench-baseline bench-people nova-env test-nova test-db help build demo test test-c sanitize tsan memcheck fuzz fuzz-engine fuzz-readers mutants coverage oracle analyse lint docs notebooks format wheel test-wheel clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "%-16s %s\n", $$1, $$2}'

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "numafit needs Python 3.11 or newer; name one with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# the build requirements are installed here too, so that an editable install can rebuild on change
$(VENV)/.tools: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -c "import tomllib; \
	  print('\n'.join(tomllib.load(open('pyproject.toml', 'rb'))['build-system']['requires']))" \
	  > $(VENV)/build-requires.txt
	$(PIP) install -r $(VENV)/build-requires.txt cmake ninja
	@touch $@

$(VENV)/.installed: $(VENV)/.tools CMakeLists.txt
	$(PIP) install -e '.[test]' $(EDITABLE)
	@touch $@

$(VENV)/.lint: $(VENV)/.installed
	$(PIP) install -e '.[lint]' $(EDITABLE)
	@touch $@

build: $(VENV)/.installed ## build numafit in place

# the command line alone, and nothing that built it, unless all is there already
$(VENV)/.demo: pyproject.toml CMakeLists.txt $(wildcard src/*.[ch] numafit/*.py* numafit/*/*.py) \
    | $(VENV)/bin/python
	$(PIP) install '.[cli]'
	@touch $@

demo: $(if $(wildcard $(VENV)/.installed),build,$(VENV)/.demo) ## fit the examples
	PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

test: build ## the tests that need no root, no server and no nova
	$(PYTEST) -q $(TESTS)

# build and run the C tests in build/$(1), with the sanitizers $(2) and CMake's arguments $(3)
define C_TESTS
$(CMAKE) -G Ninja -S . -B build/$(1) -DNUMAFIT_PYTHON=OFF -DNUMAFIT_TESTS=ON -DNUMAFIT_WERROR=ON \
  -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja -DNUMAFIT_SANITIZE=$(2) $(3)
$(CMAKE) --build build/$(1)
$(BIN)/ctest --test-dir build/$(1) --output-on-failure
endef

test-c: $(VENV)/.tools ## the engine without Python: warnings are errors, then its C tests
	$(call C_TESTS,c,)

SANITIZERS := address,undefined
ASAN_TESTS ?= tests/property tests/vectors/test_sequences.py tests/vectors/test_pci.py \
  tests/unit/test_fleet_rows.py tests/unit/test_fleet_saved.py tests/unit/test_fleet_tampered.py \
  tests/unit/test_seen.py tests/unit/test_fleet_forks.py tests/unit/test_shared.py \
  tests/unit/test_pickled.py tests/unit/test_fleet_parts.py tests/unit/test_claims_in_forks.py \
  tests/faults/test_between.py
sanitize: $(VENV)/.tools ## C and Python tests under AddressSanitizer and UBSan
	$(call C_TESTS,asan,$(SANITIZERS))
	$(PYTHON) -m venv build/asan-venv
	build/asan-venv/bin/python -m pip --disable-pip-version-check -q install '.[test]' \
	  "--config-settings=cmake.define.NUMAFIT_SANITIZE=$(SANITIZERS)" \
	  --config-settings=install.strip=false --config-settings=build-dir=build/asan-wheel
	LD_PRELOAD="$$(cc -print-file-name=libasan.so) $$(cc -print-file-name=libubsan.so)" \
	  ASAN_OPTIONS=detect_leaks=0 NUMAFIT_FEWER=1 \
	  build/asan-venv/bin/pytest -q -p no:cacheprovider $(ASAN_TESTS)

tsan: $(VENV)/.tools ## a million claims by four threads under ThreadSanitizer
	$(call C_TESTS,tsan,thread)

# a fuzzer and a million claims take minutes in valgrind, and have sanitizers of their own
MEMCHECKED ?= $(filter-out fuzz threads churn,$(patsubst tests/c/test_%.c,%,$(wildcard tests/c/test_*.c)))
memcheck: test-c ## the C tests under valgrind: nothing undefined is read, nothing is lost
	@for name in $(MEMCHECKED); do \
	  echo "memcheck: $$name"; \
	  valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=all \
	    --errors-for-leak-kinds=all build/c/tests/c/test_$$name || exit 1; \
	done

# FILES=src/pair.h those of one file, FILES=src/ those of C; SAMPLE=0: all, which takes hours
SAMPLE ?= 600
mutants: build $(VENV)/.coverage ## SAMPLE=600 faults put into the rules: do the tests notice 90 % of them?
	$(BIN)/python -m tests.mutants --sample $(SAMPLE) --seed $(SEED) $(if $(FILES),--only $(FILES))

$(VENV)/.coverage: $(VENV)/.installed
	$(PIP) install -e '.[coverage]' $(EDITABLE)
	@touch $@

# without optimisation, for a branch to be one; the modules are installed where .venv's packages are
# seen and its numafit is not. Tests that wait, or have processes and programs of their own, are left
# out. Tables of columns, whose conditions the compiler knows, are not counted.
COVERED := build/coverage-venv/bin
COUNTED := --coverage -fprofile-update=atomic
COVERAGE_TESTS ?= tests/unit tests/vectors tests/property/test_pci_exact.py \
  $(foreach name,arguments_that_lie bench_gate export_command hostile interrupted killed_save nothing_asked open_in_c sweep textfile,--ignore=tests/unit/test_$(name).py)
coverage: $(VENV)/.coverage ## branches of src/ and numafit/model that tests take: 95 % wanted of each
	rm -rf build/coverage build/coverage-wheel build/coverage-venv
	$(call C_TESTS,coverage,,-DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS="$(COUNTED)")
	$(BIN)/python -m venv --without-pip build/coverage-venv
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
	  > $$($(COVERED)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/beside.pth
	$(PIP) --python $(COVERED)/python install --no-build-isolation --no-deps --ignore-installed \
	  --config-settings=cmake.build-type=Debug "--config-settings=cmake.define.CMAKE_C_FLAGS=$(COUNTED)" \
	  --config-settings=install.strip=false \
	  --config-settings=build-dir=build/coverage-wheel .
	COVERAGE_FILE=build/coverage/model NUMAFIT_FEWER=1 PYTHONSAFEPATH=1 $(COVERED)/python -m coverage run \
	  --branch --include='*/numafit/model/*' -m pytest -q -p no:cacheprovider $(COVERAGE_TESTS)
	$(BIN)/gcovr --root . --filter src/ --txt-metric branch --txt - \
	  --exclude-branches-by-pattern '.*NF_COLUMNS\((MISSING|LAY_OUT)\).*' \
	  --merge-mode-functions separate --fail-under-branch 95 build/coverage build/coverage-wheel
	COVERAGE_FILE=build/coverage/model $(BIN)/coverage report -m --fail-under 95

CASES ?= 100000
SEED ?= 0
# KIND=pci makes worlds of one kind; with WORLD=7 too, world 7 is printed and compared
oracle: build ## CASES=100000 answers beside those of a slow fitter in plain Python
	$(BIN)/python -m tests.oracle --cases $(CASES) --seed $(SEED) \
	  $(if $(KIND),--kind $(KIND)) $(if $(WORLD),--world $(WORLD))

REFUSALS ?= 20000
refusals: build ## REFUSALS=20000 refusals: are the smallest changes the smallest, by the oracle?
	NUMAFIT_REFUSALS=$(REFUSALS) NUMAFIT_SMALL_WORLDS=$$(($(REFUSALS) / 5)) $(PYTEST) -q tests/explain

WALKS ?= 2000
walks: build ## WALKS=2000 random walks of each state machine, others in each run
	NUMAFIT_WALKS=$(WALKS) $(PYTEST) -q tests/property/test_living.py tests/property/test_machine.py

# SECONDS of each fuzzer, SEED=1 with the same inputs each time; what is new stays in build/fuzz/corpus, what fails in build/fuzz/found, and
# NARRATE=1 build/fuzz/tests/fuzz/fuzz_engine FILE says what a file stands for
SECONDS ?= 60
fuzz: fuzz-engine fuzz-readers ## all fuzzers, SECONDS=60 each

$(VENV)/.fuzz: $(VENV)/.installed
	$(PIP) install -e '.[fuzz]' $(EDITABLE)
	@touch $@

# READERS names some of them, or families of them (tests/fuzz/readers.py)
fuzz-readers: $(VENV)/.fuzz ## atheris over every reader, within 2 s and 512 MiB an input
	$(BIN)/python -m tests.fuzz.run --seconds $(SECONDS) --seed $(SEED) $(READERS)

fuzz-engine: $(VENV)/.tools ## libFuzzer over the C API under ASan and UBSan (clang, libclang-rt-dev)
	CC=clang $(CMAKE) -G Ninja -S . -B build/fuzz -DNUMAFIT_PYTHON=OFF -DNUMAFIT_TESTS=ON \
	  -DNUMAFIT_FUZZ=ON -DNUMAFIT_SANITIZE=fuzzer-no-link,$(SANITIZERS) \
	  -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja
	$(CMAKE) --build build/fuzz --target fuzz_engine fuzz_damaged fuzz_builder fuzz_opened
	@mkdir -p build/fuzz/found
	@for name in engine damaged builder opened; do \
	  mkdir -p build/fuzz/corpus/$$name; \
	  echo "fuzz_$$name: $(SECONDS) s"; \
	  build/fuzz/tests/fuzz/fuzz_$$name -max_total_time=$(SECONDS) -seed=$(SEED) -max_len=600 -timeout=10 \
	    -verbosity=0 -print_final_stats=1 -artifact_prefix=build/fuzz/found/ \
	    build/fuzz/corpus/$$name tests/fuzz/corpus/$$name || exit 1; \
	done

# gcc's analyser knows the flow of C alone, clang's the calls of a file, cppcheck the values
ANALYSED := -std=c11 -Inumafit/include -Isrc
analyse: ## gcc -fanalyzer, clang-tidy (.clang-tidy) and cppcheck over src/
	printf '%s\n' src/*.c | xargs -P 2 -n 1 gcc $(ANALYSED) -O2 -fanalyzer -Werror -Wall \
	  -Wextra -Wconversion -o /dev/null -c
	cppcheck -q --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	  --suppress=missingIncludeSystem -j 2 $(subst -std,--std,$(ANALYSED)) src
	printf '%s\n' src/*.c \
	  | xargs -P 2 -n 5 sh -c 'clang-tidy -quiet "$$@" -- $(ANALYSED)' tidy 2>&1 \
	  | { ! grep -v 'warnings generated'; }

lint: $(VENV)/.lint ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint numafit
	$(BIN)/lint-imports

$(VENV)/.docs: $(VENV)/.installed
	$(PIP) install -e '.[docs]' $(EDITABLE)
	@touch $@

docs: $(VENV)/.docs ## the documentation site in build/docs; warnings are errors
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs

$(VENV)/.notebooks: $(VENV)/.installed
	$(PIP) install -e '.[notebook]' $(EDITABLE)
	@touch $@

notebooks: $(VENV)/.notebooks ## execute the example notebooks
	$(PYTEST) -q -m notebook tests/notebooks

format: $(VENV)/.lint ## put Python sources in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(VENV)/.installed ## a wheel and a source distribution in dist/
	$(PIP) install build
	rm -rf dist
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m build --no-isolation --outdir dist .

test-machines: build ## hwloc's, libvirt's and lscpu's test machines and this one (Debian, root)
	@command -v lstopo-no-graphics >/dev/null && command -v numactl >/dev/null \
	  || { apt-get -q update && apt-get -qy --no-install-recommends install hwloc-nox numactl; }
	$(PYTEST) -q -m machines tests/machines

$(VENV)/.dask: $(VENV)/.installed
	$(PIP) install -e '.[test,dask]' $(EDITABLE)
	@touch $@

test-dask: $(VENV)/.dask ## a sweep on a cluster of Dask's worker processes, one of which is killed
	$(PYTEST) -q -m dask tests/dask

test-export: build ## a Prometheus of Debian's packages scrapes numafit export (root installs it)
	@command -v prometheus >/dev/null \
	  || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y --no-install-recommends prometheus; }
	$(PYTEST) -q -m prometheus tests/prometheus

test-wheel: wheel ## programs in C and Cython built against the installed wheel
	$(PYTEST) -q -m wheel tests/wheel

# Nova and its tests live in an environment of their own; NOVA names the release, UNIT=1 runs the
# short part with fewer random cases, FILTER=1 the functional tests with numafit's scheduler filter
# and nothing patched.
NOVA ?= 34.0.0
NOVA_VENV ?= .venv-nova
NOVA_PYTHON = $(NOVA_VENV)/bin/python

$(NOVA_VENV)/.nova-$(NOVA): tests/nova/requirements.txt
	$(PYTHON) -m venv --clear $(NOVA_VENV)
	$(NOVA_PYTHON) -m pip --disable-pip-version-check -q install nova==$(NOVA) -r tests/nova/requirements.txt
	@touch $@

nova-env: build $(NOVA_VENV)/.nova-$(NOVA)
	rm -rf build/nova-wheel
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PIP) wheel --no-build-isolation --no-deps -w build/nova-wheel .
	$(NOVA_PYTHON) -m pip --disable-pip-version-check -q install --force-reinstall --no-deps build/nova-wheel/*.whl

test-nova: nova-env ## nova's own tests with numafit in its place (UNIT=1: the short part; FILTER=1)
	$(if $(UNIT),NUMAFIT_FUZZ_CASES=600) NUMAFIT_NOVA_PYTHON=$(abspath $(NOVA_PYTHON)) $(PYTEST) -q -m "nova and not db" tests/nova
	cd tests/nova && $(abspath $(NOVA_PYTHON)) -W ignore -m pytest -q -p no:cacheprovider -c /dev/null \
	  --rootdir=. check_dropin.py check_changes.py check_names.py
	$(NOVA_PYTHON) tests/nova/run_nova_tests.py $(if $(UNIT),--unit) $(if $(FILTER),--as filter --functional)

test-cloud: nova-env ## 60 hosts of real nova, filled flavor by flavor: numafit has said how far it goes
	NUMAFIT_CLOUD_HOSTS=60 NUMAFIT_NOVA_PYTHON=$(abspath $(NOVA_PYTHON)) $(PYTEST) -q -m nova tests/nova/cloud

$(VENV)/.postgresql: $(VENV)/.installed
	$(PIP) install -e '.[postgresql]' $(EDITABLE)
	@touch $@

# the servers are Debian's; the tests start and stop them, in directories of their own
test-db: nova-env $(VENV)/.postgresql ## nova's and placement's tables in MariaDB and PostgreSQL (root installs them)
	@{ PATH="$$PATH:/usr/sbin" command -v mariadbd && ls /usr/lib/postgresql/*/bin/postgres; } >/dev/null 2>&1 \
	  || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y --no-install-recommends mariadb-server postgresql; }
	NUMAFIT_NOVA_PYTHON=$(abspath $(NOVA_PYTHON)) $(PYTEST) -q -m "nova and db" tests/nova

$(VENV)/.browser: $(VENV)/.installed
	$(PIP) install -e '.[browser]' $(EDITABLE)
	@touch $@

# the browser is Debian's; NUMAFIT_CHROMIUM names another, NUMAFIT_SCREENSHOTS a folder for pictures
test-report: $(VENV)/.browser ## 'numafit report' in a headless Chromium (root installs it)
	@command -v chromium >/dev/null || test -n "$$NUMAFIT_CHROMIUM" \
	  || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y --no-install-recommends chromium; }
	$(PYTEST) -q -m browser tests/browser

$(VENV)/.bench: $(VENV)/.installed
	$(PIP) install -e '.[bench]' $(EDITABLE)
	@touch $@

# QUESTIONS names some of them (bench/README.md); NUMAFIT_NOVA_PYTHON is the Python that has nova 34,
# else that of make nova-env is looked for
BENCH = PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -W ignore -m

bench: $(VENV)/.bench ## numafit beside nova 34 beside the memory pass; writes docs/performance.md
	$(BENCH) bench $(if $(QUESTIONS),$(QUESTIONS),--docs)

bench-gate: $(VENV)/.bench ## instruction counts: fails where an operation has grown by 3 %
	$(BENCH) bench.gate --json build/bench-gate.json --junit build/bench-gate.xml

test-gate: $(VENV)/.bench ## loops put into the engine and the binding, which the gate has to see
	$(BENCH) pytest -q -m gate tests/gate

bench-baseline: $(VENV)/.bench ## counts anew, to be committed with the change that explains them
	$(BENCH) bench.gate --update

bench-people: $(VENV)/.bench ## pytest-benchmark, compared with the run before
	$(BENCH) pytest -q bench/people -o filterwarnings=default -p no:cacheprovider \
	  --benchmark-storage=file://bench/results/people --benchmark-autosave \
	  $(if $(wildcard bench/results/people/*/*.json),--benchmark-compare)

clean: ## remove what was built
	rm -rf build dist $(VENV) .venv-*
