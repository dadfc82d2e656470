# Fossick: the two commands are `make demo` and `make test`. Each installs what is missing and says so.

CARGO ?= cargo
SHELL := /bin/bash
.PHONY: demo test bench bless setup release

# What Debian must have: a C compiler for the zstd library, Python for the figures on known captures.
PACKAGES := $(shell command -v cc >/dev/null || echo gcc libc6-dev) \
            $(shell command -v python3 >/dev/null || echo python3)

# What the tests need besides: a real syslog receiver. They run it on a loopback port with a configuration of its own.
TEST_PACKAGES := $(shell ls /usr/sbin/rsyslogd /usr/bin/rsyslogd 2>/dev/null | grep -q . || echo rsyslog) \
                 $(shell ls /usr/lib/*/rsyslog/lmnsd_gtls.so 2>/dev/null | grep -q . || echo rsyslog-gnutls)
test: PACKAGES += $(TEST_PACKAGES)

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
	@$$($(CARGO) metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/fossick read demo

# The whole truth: format, lints, samples, sheets, scenarios, house rules, and the figures where the captures are at hand.
test: release
	@$(CARGO) fmt --version >/dev/null 2>&1 || { echo "Installing rustfmt"; rustup component add rustfmt; }
	@$(CARGO) clippy --version >/dev/null 2>&1 || { echo "Installing clippy"; rustup component add clippy; }
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) test --workspace --locked

# Writes what the tests expect anew; review the diff.
bless: release
	BLESS=1 $(CARGO) test --workspace --locked

# Ratios with whatever peers are installed (ndpiReader, p0f, tcpdump; with libpcap-dev, a loop that does nothing).
bench: release
	@target=$$($(CARGO) metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'); \
	python3 bench/run.py $$target/release/fossick $$target/bench
