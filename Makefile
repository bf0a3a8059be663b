# Targets print one line each with `make help`.
SHELL := /bin/bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/uhdadmin/media-gateway/shared/buildinfo.version=$(VERSION)
TOOL := go tool -modfile=.ci/tools/go.mod

export CGO_ENABLED ?= 0

.PHONY: help build run test soak bench-gate bench-telemetry bench-master bench-pages bench lint fmt vuln clean

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

build: ## bin/uhd-master, bin/uhd-supervisor and bin/standin
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/uhd-master ./master
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/uhd-supervisor ./supervisor
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/standin ./shared/standin/cmd/standin

run: ## a master, a stand-in media server and a gateway on this machine; Ctrl-C ends them
	@.ci/install run
	@$(MAKE) --no-print-directory build
	@go run ./shared/demo

test: ## every test there is: Go and Lua, unit and end to end
	@.ci/install test
	go test -timeout 20m ./...

soak: ## the long form of the tests that kill, fill and restart
	@.ci/install test
	SOAK=1 go test -timeout 80m -count 1 ./...

bench-gate: ## what the access chain costs against a plain proxy; fails when a bar is missed
	@.ci/install bench
	go run ./shared/bench $(if $(NGINX_BIN),-nginx $(NGINX_BIN)) $(BENCH_FLAGS)

bench-telemetry: build ## telemetry rows a master takes in a second; fails when the bar is missed
	@.ci/install test
	go run ./shared/bench/telemetry $(BENCH_FLAGS)

bench-master: build ## what a master bears of waiting, asking and returning slaves; fails when a bar is missed
	taskset -c 0,1 go run ./shared/bench/master $(BENCH_FLAGS)

bench-pages: build ## size and time of each admin page with 500 servers and 10 million rows; fails when a bar is missed
	@.ci/install test
	go run ./shared/bench/pages $(BENCH_FLAGS)

bench: ## the benchmarks whose figures docs/performance.md quotes
	@.ci/install test
	go test -run '^$$' -bench . -benchmem ./...

lint: ## gofumpt, golangci-lint, luacheck, shellcheck
	@.ci/install lint
	@out=$$($(TOOL) gofumpt -l docker docs lua master nginx shared supervisor); test -z "$$out" || { echo "not formatted (make fmt): $$out"; exit 1; }
	$(TOOL) golangci-lint run
	luacheck --quiet lua
	shellcheck .ci/run .ci/install .ci/engine docker/master/collect-nginx docker/redis/start

fmt: ## format the Go code
	$(TOOL) gofumpt -w docker docs lua master nginx shared supervisor

vuln: ## known vulnerabilities in what we call; needs vuln.go.dev
	$(TOOL) govulncheck ./...

clean: ## remove what the targets made
	rm -rf bin run
