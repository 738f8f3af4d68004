# A thin front of CMakeLists.txt: set-up, build, run, test. `make help` lists the targets.
SHELL := /bin/bash
export PATH := $(CURDIR)/build/node/node_modules/.bin:$(PATH)
WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)

.PHONY: help run cluster chaos setup build test test-long fuzz lint format clean

help:
	@echo "make run        install what is missing, build, start one node (data in ./data)"
	@echo "make cluster    three nodes and three etcd members on this machine (data in ./data/cluster)"
	@echo "make test       all but the long tests, at most 15 minutes"
	@echo "make test-long  thread sanitizer, clang-tidy, 200 kill rounds, fuzzing, all browser tests, two minutes of chaos"
	@echo "make chaos      three nodes in network namespaces under real faults, MINUTES=5 SEED=1"
	@echo "make chaos-figures  gap and recovery times of each fault, FIGURES=\"faults=5 relay owner=20 people=20 frozen split quorum=10 wait storm etcd\""
	@echo "make simulate   a simulated cluster under faults drawn from seeds, SEEDS=50 FIRST=1"
	@echo "make simulate-teeth  six wrong variants, each must be caught within 200 seeds"
	@echo "make bench      measure beside the physical floor and Janus, at most 10 minutes (docs/benchmarks.md)"
	@echo "make bench-full all rows, at most 90 minutes; goes on where it was broken off"
	@echo "make fuzz       fuzz every parser, SECONDS=600 each"
	@echo "make package    a Debian package, in build/package; make test-package tries it in a fresh Debian (root)"
	@echo "make test-ansible  ansible/ on three bare Debian hosts in namespaces: set up, grown, upgraded, destroyed, restored (root)"
	@echo "make lint-ansible  ansible-lint and yamllint over ansible/"
	@echo "make test-turn  a real coturn, run as docs/examples/turnserver.conf says, relays to nothing internal"
	@echo "make test-monitoring  the alert rules, checked and fired by promtool"
	@echo "make test-alerts  alerts fired on purpose, seen in Debian's Prometheus (root)"
	@echo "make test-unheard  the node's process killed 20 times under three pages and 500 listeners, KILLS=20 SEED=1 (root)"
	@echo "make test-backup  backups of a node and of a cluster, restored from nothing"
	@echo "make test-haproxy  a real HAProxy of docs/examples/haproxy.cfg before three nodes"
	@echo "make test-certbot  a certificate by a real certbot and an ACME server for tests, renewed"
	@echo "make lint       format, banned calls, folder arrows"
	@echo "make format     clang-format over the tree"
	@echo "make clean      remove build/ (not data/)"

setup:
	@tools/setup run

build/release/build.ninja: | setup
	@cmake --preset release -DCMAKE_C_COMPILER_LAUNCHER=ccache >/dev/null

build: setup build/release/build.ninja
	@cmake --build build/release --target voiceroomd

web/app/dist/index.html: $(WEB_SOURCES) | setup
	@cd web && npm run --silent build

run: build web/app/dist/index.html
	@exec build/release/nodes/voiceroomd --data data --web web/app/dist --guests link --tls-self-signed true $(ARGS)

cluster: build web/app/dist/index.html
	@tools/setup cluster
	@exec tools/cluster $(ARGS)

test:
	@tools/setup test
	@tests/run short

test-long:
	@tools/setup test
	@tests/run long

MINUTES ?= 5
SEED ?= 1
chaos: build
	@tools/setup test
	@MINUTES=$(MINUTES) SEED=$(SEED) node tests/chaos/run.mjs

FIGURES ?=
.PHONY: chaos-figures
chaos-figures: build
	@tools/setup test
	@cmake --build build/release --target voiceroom-peers
	@node tests/chaos/measure.mjs $(FIGURES)

SEEDS ?= 50
FIRST ?= 1
.PHONY: simulate simulate-teeth
simulate: setup build/release/build.ninja
	@tools/setup test
	@cmake --build build/release --target simulate_main
	@tests/simulate $(SEEDS) $(FIRST)

simulate-teeth: setup build/release/build.ninja
	@tools/setup test
	@cmake --build build/release --target simulate_main
	@tests/simulate-teeth

SECONDS ?= 600
fuzz:
	@tools/setup test
	@tests/run fuzz --seconds $(SECONDS)

BENCH_TARGETS := voiceroomd voiceroom-bench voiceroom-floor voiceroom-speech voiceroom-idle runtime_bench journal_bench keep_bench
build/bench/ready: setup build/release/build.ninja web/app/dist/index.html
	@tools/setup bench
	@cmake --build build/release --target $(BENCH_TARGETS)

.PHONY: build/bench/ready
bench: build/bench/ready
	@bench/run quick $(ARGS)

bench-full: build/bench/ready
	@bench/run full $(ARGS)

# A Debian package of the tree as it is, in build/package.
.PHONY: package test-package
package: setup web/app/dist/index.html
	@tools/setup package
	@tools/package

# Installed, upgraded, removed, purged in a fresh Debian; then run there by a systemd of its own. Needs root.
test-package: package build
	@tools/setup hosts
	@cmake --build build/release --target voiceroom-load
	@tests/package/run

# The process of a node dies KILLS times under three pages that talk and LOAD listeners, and ROUNDS times in the middle of a drain:
# nobody hears it. Needs root (it sniffs).
.PHONY: test-unheard
test-unheard: build web/app/dist/index.html
	@tools/setup test
	@cmake --build build/release --target voiceroom-load voiceroom-wire voiceroom-peers voiceroomctl
	@cd tests && KILLS=$${KILLS:-20} ROUNDS=$${ROUNDS:-5} LOAD=$${LOAD:-500} SEED=$${SEED:-1} STRICT=1 node --test --test-concurrency=1 --test-reporter=spec unheard/*.test.mjs restart/returns.test.mjs

# An operator's life with ansible/ on three bare Debian hosts with a systemd of their own. Needs root.
.PHONY: test-ansible lint-ansible
test-ansible: package build
	@tools/setup hosts
	@tools/setup ansible
	@tools/setup test
	@cmake --build build/release --target voiceroom-peers
	@tests/ansible/run

lint-ansible: setup
	@tools/setup ansible
	@tests/ansible/lint

# Debian's coturn with docs/examples/turnserver.conf: opens by our credentials, and to nothing internal; a browser without UDP is heard
# through it (that part needs root).
.PHONY: test-turn
test-turn: build web/app/dist/index.html
	@tools/setup test
	@tools/setup turn
	@cd tests && node --test --test-reporter=spec turn/relay.test.mjs
	@cd tests && unshare --net sh -c 'ip link set lo up && exec "$$@"' sh node --test --test-reporter=spec turn/blocked.test.mjs

# Prometheus' own tool reads monitoring/rules.yml and fires each alert.
.PHONY: test-monitoring
test-monitoring: build
	@tools/setup monitoring
	@tests/monitoring/run build/release/nodes/voiceroomd

# Real nodes brought into trouble, and a real Prometheus that says so. Needs root (it mounts a small file system).
.PHONY: test-alerts
test-alerts: build
	@tools/setup test
	@cd tests && node --test --test-concurrency=1 --test-reporter=spec monitoring/*.test.mjs

# Backups of a node and of a cluster with a real etcd: taken, everything gone, restored.
.PHONY: test-backup
test-backup: build
	@tools/setup test
	@cmake --build build/release --target voiceroomctl
	@cd tests && node --test --test-concurrency=1 --test-reporter=spec backup/*.test.mjs

# A real HAProxy with docs/examples/haproxy.cfg before a cluster of three.
.PHONY: test-haproxy
test-haproxy: build
	@tools/setup cluster
	@tools/setup test
	@tools/setup haproxy
	@cd tests && node --test --test-reporter=spec haproxy/*.test.mjs

# A real certbot and Debian's ACME server for tests: a certificate renewed under an open WebSocket.
.PHONY: test-certbot
test-certbot: build
	@tools/setup test
	@tools/setup certbot
	@cd tests && node --test --test-reporter=spec certbot/*.test.mjs

lint:
	@tests/run lint

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf build web/app/dist
