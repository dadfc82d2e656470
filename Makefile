# Fossick: the two commands are `make demo` and `make test`. Each installs what is missing and says so.

CARGO ?= cargo
SHELL := /bin/bash
.PHONY: demo test bench bless setup release fuzz fuzz-build soak deb formats lab lab-servers

# What Debian must have: libpcap for live capture, a C compiler for the zstd library, Python for the figures on known captures.
PACKAGES := $(shell command -v cc >/dev/null || echo gcc libc6-dev) \
            $(shell ls /usr/include/pcap/pcap.h 2>/dev/null | grep -q . || echo libpcap-dev) \
            $(shell command -v python3 >/dev/null || echo python3)

# What the tests need besides: a real syslog receiver, which they run on a loopback port with a configuration of its own;
# network namespaces of their own; a C++ compiler for the fuzzer; a terminal for the screen.
TEST_PACKAGES := $(shell command -v ip >/dev/null || echo iproute2) \
                 $(shell ls /usr/bin/tcpdump /usr/sbin/tcpdump 2>/dev/null | grep -q . || echo tcpdump) \
                 $(shell command -v nmap >/dev/null || echo nmap) \
                 $(shell command -v sysctl >/dev/null || echo procps) \
                 $(shell command -v c++ >/dev/null || echo g++) \
                 $(shell command -v tmux >/dev/null || echo tmux) \
                 $(shell python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv) \
                 $(shell ls /usr/sbin/nft /sbin/nft 2>/dev/null | grep -q . || echo nftables) \
                 $(shell ls /usr/sbin/rsyslogd /usr/bin/rsyslogd 2>/dev/null | grep -q . || echo rsyslog) \
                 $(shell ls /usr/lib/*/rsyslog/lmnsd_gtls.so 2>/dev/null | grep -q . || echo rsyslog-gnutls)
test formats fuzz fuzz-build soak: PACKAGES += $(TEST_PACKAGES)
# What the lab's servers are installed with; they themselves are no part of the host.
test lab lab-servers: PACKAGES += $(shell command -v mmdebstrap >/dev/null || echo mmdebstrap) $(shell command -v ip >/dev/null || echo iproute2)

TARGET = $$($(CARGO) metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')

setup:
	@command -v $(CARGO) >/dev/null || { \
	  echo "Rust is missing: install it with rustup (https://rustup.rs) or your distribution, then run this again."; exit 1; }
	@if [ -n "$(strip $(PACKAGES))" ]; then \
	  echo "Installing: $(strip $(PACKAGES))"; \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -q && apt-get install -qy --no-install-recommends $(PACKAGES); \
	  elif command -v sudo >/dev/null; then sudo apt-get update -q && sudo apt-get install -qy --no-install-recommends $(PACKAGES); \
	  else echo "Please install: $(strip $(PACKAGES))"; exit 1; fi; fi

release: setup
	$(CARGO) build --release --locked

# The inventory of captures that were recorded in our own lab; demo/README.md says of what.
demo: release
	@$(TARGET)/release/fossick read demo
	@echo; echo "On a screen, with the packet that proves each word: $(TARGET)/release/fossick read demo --tui"

# Independent parsers of firewalls' configurations and a validator of CycloneDX, for the tests of controls and reports: they are skipped where these are missing.
# jsonschema with `format`, not the validator's own extra: that one brings a `lark` which takes the place of parsuricata's.
formats: setup
	@target=$(TARGET)/formats; \
	if ! $$target/bin/python -c 'import cyclonedx.validation.json, fwshift, jsonschema, parsuricata, referencing, rfc3987' 2>/dev/null; then \
	  python3 -m venv --clear $$target && $$target/bin/pip install -q fwshift==0.40.18 parsuricata==0.4.1 \
	      cyclonedx-python-lib==11.12.0 'jsonschema[format]==4.26.0' referencing \
	    || echo "SKIPPED: the parsers cannot be installed (python3-venv and PyPI are needed)"; fi

# The whole truth: format, lints, samples, sheets, scenarios, house rules, and the figures where the captures are at hand.
test: formats lab-servers
	@$(CARGO) fmt --version >/dev/null 2>&1 || { echo "Installing rustfmt"; rustup component add rustfmt; }
	@$(CARGO) clippy --version >/dev/null 2>&1 || { echo "Installing clippy"; rustup component add clippy; }
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) build --workspace --locked
	$(CARGO) test --workspace --locked
	@$(MAKE) --no-print-directory fuzz FUZZ_LIMIT=-max_total_time=20

# Real servers, installed once into a folder of their own under /var/cache (tests/lab/README.md); their test is skipped where that cannot be.
lab-servers: setup
	@python3 tests/lab/lab.py install || echo "SKIPPED: the lab's servers cannot be installed (root, mmdebstrap and the network are needed)"

# The servers, their clients and a sensor that listens to them: prints what it heard, and takes them down.
lab: lab-servers
	$(CARGO) build --workspace --locked
	$(CARGO) test --locked -p fossick-tests --test lab_servers -- --nocapture

# Writes what the tests expect anew; review the diff.
bless: setup
	$(CARGO) build --workspace --locked
	BLESS=1 $(CARGO) test --workspace --locked

# Ratios with whatever peers are installed (ndpiReader, p0f, tcpdump; with libpcap-dev, a loop that does nothing),
# and what must be reached.
bench: release
	$(CARGO) build --release --locked -p fossick --example reading
	@target=$(TARGET); \
	python3 bench/run.py $$target/release/fossick $$target/bench

# Coverage-guided fuzzing on the stable toolchain; fuzz/README.md. Executions of each target:
FUZZ_RUNS ?= 7000000
FUZZ_LIMIT ?= -runs=$(FUZZ_RUNS)
FUZZ_TARGETS ?= protocols captures packets
# What cargo-fuzz would pass, less the sanitizer, which takes a nightly toolchain.
FUZZ_FLAGS := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
              -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares
HOST := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')

fuzz-build: setup
	RUSTFLAGS="$(FUZZ_FLAGS)" CARGO_TARGET_DIR=$(TARGET)/fuzz $(CARGO) build --release --locked --manifest-path fuzz/Cargo.toml --target $(HOST) --bins
	@$(TARGET)/fuzz/$(HOST)/release/seeds parsers/samples demo $(TARGET)/fuzz/seeds

fuzz: fuzz-build
	@set -e; target=$(TARGET)/fuzz; for name in $(FUZZ_TARGETS); do \
	  mkdir -p $$target/$$name-corpus $$target/$$name-findings; \
	  if ! $$target/$(HOST)/release/$$name -max_len=8192 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 $(FUZZ_LIMIT) \
	      -artifact_prefix=$$target/$$name-findings/ $$target/$$name-corpus $$target/seeds/$$name >$$target/$$name.log 2>&1; then \
	    tail -40 $$target/$$name.log; \
	    echo "$$name: found something. Its input is in $$target/$$name-findings; fuzz/README.md says how to make it a sample:"; \
	    for found in $$target/$$name-findings/*; do od -An -v -tx1 $$found; done; exit 1; fi; \
	  echo "$$name: $$(sed -n 's/^stat::number_of_executed_units: *//p' $$target/$$name.log) executions, nothing found"; \
	done

# What takes long: 200 kills at random moments under traffic, and ten minutes of looped traffic with flat memory.
soak: release
	FOSSICK_KILLS=200 $(CARGO) test --release --locked -p fossick-tests --test live -- --nocapture killed
	FOSSICK_SOAK=600 $(CARGO) test --release --locked -p fossick-tests --test bounds -- --nocapture

# A Debian package: the program, its unit, its user and groups, an example configuration.
deb: release
	@command -v cargo-deb >/dev/null || { echo "Installing cargo-deb"; $(CARGO) install --locked cargo-deb; }
	$(CARGO) deb -p fossick --no-build --locked --output $(TARGET)/debian/
