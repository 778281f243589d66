# `make help` lists what there is. What a target needs and the machine lacks, .ci/install installs.

# The folder `notifier` in the root takes the name that `go build ./cmd/notifier` would use: binaries go to bin/.
BIN     := bin
OUT     ?= $(BIN)/notifier
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
# VCS stamping is off because the stamp above says the same, and because git refuses folders of another user (containers).
BUILD   := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'

# How long one package's tests may take before they count as hanging, and each fuzz target's share.
TEST_TIMEOUT ?= 20m
FUZZTIME     ?= 30s

GOLANGCI_VERSION := v2.15.0
GOLANGCI         := $(BIN)/golangci-lint-$(GOLANGCI_VERSION)

.DEFAULT_GOAL := help

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

REACT := cmd/notifier/demo/react

# The page that is built with React is an extra: where npm is not, or cannot be reached, the demo says what is missing.
.PHONY: demo
demo: ## see it work: a private PostgreSQL, a demo clinic and a page to look at
	@.ci/install demo
	@.ci/install react
	@$(MAKE) --no-print-directory build
	@$(BIN)/notifier demo $$([ ! -e $(REACT)/dist/index.html ] || echo --react $(REACT)/dist)

# -count=1: what the tests depend on (PostgreSQL, Chromium, the page's scripts) is more than Go's test cache knows of. Afterwards
# all that the daemons logged is searched for secrets.
.PHONY: test
test: ## everything, with the race detector: units, a real PostgreSQL, the real binary, the page in Chromium
	@.ci/install test
	go vet ./...
	go run ./cmd/notifier/leaktest/search -events 5000 go test -race -count=1 -timeout $(TEST_TIMEOUT) ./...

.PHONY: chaos
chaos: ## proof that nothing is lost: every fault, in about a quarter of an hour; ARGS='-run server -seed 7'
	@.ci/install test
	@go run ./cmd/notifier/chaos $(ARGS)

.PHONY: build
build: ## bin/notifier, static and stamped with the version
	$(BUILD) -o $(OUT) ./cmd/notifier

DIST ?= dist

.PHONY: dist
dist: ## a release in dist/: binaries for amd64 and arm64, Debian packages, SBOMs, licences, SHA256SUMS
	VERSION=$(VERSION) deploy/dist $(DIST)

HELM := go run helm.sh/helm/v4/cmd/helm@v4.3.1

.PHONY: chart
chart: ## the Helm chart in dist/, with VERSION in it
	$(HELM) package deploy/helm/notifier --destination $(DIST) --version $(VERSION:v%=%) --app-version $(VERSION)
	cd $(DIST) && sha256sum notifier-$(VERSION:v%=%).tgz >> SHA256SUMS

.PHONY: push-chart
push-chart: ## the chart from dist/ to REGISTRY
	$(HELM) push $(DIST)/notifier-$(VERSION:v%=%).tgz $(REGISTRY)

# Apart from `make test`, because compiling helm alone takes four minutes of a processor, and a Debian has to be downloaded.
.PHONY: package-test
package-test: ## packages, unit, chart and workflows where they are used: as root, in a quarter of an hour
	@.ci/install packages
	go test -tags packages -count=1 -timeout 45m -v ./cmd/notifier/packagetest

.PHONY: licences
licences: ## deploy/LICENCES.md, from what is in the binary
	go run ./cmd/notifier/thirdparty table > deploy/LICENCES.md.new
	mv deploy/LICENCES.md.new deploy/LICENCES.md

.PHONY: vuln
vuln: ## known vulnerabilities that the code can reach; asks vuln.go.dev
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

.PHONY: install
install: ## notifier into $GOBIN
	CGO_ENABLED=0 go install -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' ./cmd/notifier

.PHONY: lint
lint: $(GOLANGCI) ## the linters of .golangci.yml
	$(GOLANGCI) run ./...

# In a file of its own version, so that a new version is a new target. Compiles for some minutes, once.
$(GOLANGCI):
	GOBIN=$(CURDIR)/$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(BIN)/golangci-lint $@

.PHONY: fmt
fmt: ## gofmt -s on every Go file
	gofmt -s -w $$(git ls-files --cached --others --exclude-standard '*.go')

# The picture is of all workloads and contenders, or it stays as it is.
.PHONY: bench
bench: ## side by side with a NestJS gateway and the bare floor, in under half an hour; ARGS='-run W1,W5 -repeat 1'
	@.ci/install bench
	@mkdir -p $(BIN)
	@go run ./cmd/notifier/bench/compare -json $(BIN)/bench.json $(if $(ARGS),,-svg deploy/bench.svg) $(ARGS)

.PHONY: soak
soak: ## 5,000 sockets that come and go for half an hour, a fault every minute; ARGS='-for 2m -conns 500 -fault-every 10s'
	@.ci/install demo
	@mkdir -p $(BIN)
	@go run ./cmd/notifier/bench/soak -json $(BIN)/soak.json -svg $(BIN)/soak.svg -chart $(ARGS)

# The page is of a whole measurement, or it stays as it is.
.PHONY: capacity
capacity: ## what sockets, accounts, daemons and events cost, and what a million screens need, in nine minutes; ARGS=-quick
	@.ci/install demo
	@mkdir -p $(BIN)
	@go run ./cmd/notifier/bench/capacity -json $(BIN)/capacity.json $(if $(ARGS),,-markdown deploy/README.md) $(ARGS)

# One process after the other: with -bench the packages wait for one another.
MICRO     := go test -run '^$$' -bench '^Benchmark(Publish|BesideSlow|Backlog|Queue|Encode|Load|Pump)$$' -benchtime 0.6s -count 6 -timeout 15m \
	./wsroom ./wsroom/socketio ./notifier
BASELINE  ?= cmd/notifier/bench/testdata/micro.txt
BENCHSTAT := go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da

.PHONY: micro
micro: ## micro-benchmarks next to their baseline, in four minutes; BASELINE=file for another than the committed one
	@.ci/install demo
	@mkdir -p $(BIN)
	@$(MICRO) > $(BIN)/micro.txt || { cat $(BIN)/micro.txt; exit 1; }
	@$(BENCHSTAT) baseline=$(BASELINE) now=$(BIN)/micro.txt

# In two steps, so that a run that fails leaves the baseline as it was.
.PHONY: micro-baseline
micro-baseline: ## the baseline of `make micro`, anew from this machine and this code
	@.ci/install demo
	@mkdir -p $(BIN) $(dir $(BASELINE))
	@$(MICRO) > $(BIN)/baseline.txt || { cat $(BIN)/baseline.txt; exit 1; }
	@mv $(BIN)/baseline.txt $(BASELINE)

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (30s) each
	@set -e; for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

.PHONY: clean
clean: ## remove what was built and downloaded here
	rm -rf $(BIN) $(DIST) $(REACT)/dist
	find . -name node_modules -prune -exec rm -rf {} +
