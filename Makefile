# Everything a newcomer needs; `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
GO ?= go
BIN := bin/grapevine
RACE = $(if $(filter 1,$(shell $(GO) env CGO_ENABLED)),-race)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: build
build: ## build bin/grapevine
	@mkdir -p bin
	$(GO) build -o $(BIN) ./cmd/grapevine

.PHONY: demo
demo: build ## engines, traffic, pipeline and a live summary, all on this machine
	$(BIN) demo

.PHONY: up
up: build ## the three engines alone
	$(BIN) up

.PHONY: test
test: ## every test, on real engines, with the race detector where there is a C compiler
	$(if $(RACE),,@echo "no C compiler: the tests run without the race detector")
	$(GO) test $(RACE) -timeout 25m ./...

.PHONY: fuzz
fuzz: ## every fuzz target for a while (FUZZTIME=30s each)
	@for package in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
	    echo "$$package $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $${FUZZTIME:-30s} $$package || exit 1; \
	  done; done

.PHONY: bench
bench: build ## the click job and the conversions beside their floors, medians of three
	$(GO) run ./internal/bench $(ARGS)

.PHONY: bench-analytics
bench-analytics: ## every view for one program over books that ClickHouse makes: times and rows read (ROWS=10000000 clicks)
	ROWS=$${ROWS:-10000000} $(GO) test -run '^$$' -bench '^BenchmarkViews$$' -benchtime 7x -timeout 2h ./analytics

.PHONY: crowd
crowd: ## one conversion with very many referrers, timed (REFERRERS=20000)
	REFERRERS=$${REFERRERS:-20000} $(GO) test -count 1 -v -run very_many_referrers ./pipeline/offline

.PHONY: crash-matrix
crash-matrix: ## kill a worker at every point of a batch, over every kind of input, in every way
	CRASH_MATRIX=whole $(GO) test -run '^TestCrash_' -count 1 -timeout 2h -v ./internal/e2e

.PHONY: judge
judge: ## judge the books of an installation at rest by its topics and the contract (ARGS=--help)
	$(GO) run ./internal/judge/cmd $(ARGS)

.PHONY: rolling
rolling: ## restart four workers one by one under load, and measure for how long a partition stands still (STALL=5s)
	GRAPEVINE_STALL=$${STALL:-5s} $(GO) test -run '^TestRolling_' -count 1 -v ./internal/e2e

.PHONY: shutdown
shutdown: ## ask a worker to stop in every state: joining, taking over, in mid-batch of each stage
	SHUTDOWN_STATES=all $(GO) test -run '^TestShutdown_' -count 1 -v ./internal/e2e

.PHONY: chaos
chaos: ## everything breaks at once under load, then the books are judged and compared (SEED=… MINUTES=10 RATE=300)
	CHAOS_SEED=$(SEED) CHAOS_RATE=$(RATE) CHAOS_MINUTES=$${MINUTES:-10} $(GO) test -run '^TestChaos_' -count 1 -timeout 12h -v ./internal/e2e

.PHONY: soak
soak: ## an hour of traffic and faults, in which nothing may grow for ever (SEED=… MINUTES=60 RATE=300)
	CHAOS_SOAK=1 CHAOS_SEED=$(SEED) CHAOS_RATE=$(RATE) CHAOS_MINUTES=$${MINUTES:-60} $(GO) test -run '^TestChaos_' -count 1 -timeout 12h -v ./internal/e2e

.PHONY: model
model: ## check the protocol as a model, in all of its states, and that each guard is needed (needs spin and gcc; ARGS=-short)
	$(GO) run ./docs/model $(ARGS)

.PHONY: lint
lint: ## gofmt, go vet, golangci-lint with the direction of dependencies
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt would change these files"; exit 1; }
	$(GO) vet ./...
	$(GO) tool -modfile=tools/go.mod golangci-lint run

.PHONY: vuln
vuln: ## known vulnerabilities (needs the Go vulnerability database)
	$(GO) tool -modfile=tools/go.mod govulncheck ./...

.PHONY: docs
docs: ## what the code generates: configuration reference and schema
	$(GO) generate ./...

.PHONY: clean
clean: ## remove what was built; fetched engines stay in .engines
	rm -rf bin
