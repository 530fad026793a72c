# Herald. `make` alone prints this help.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
TOOL    := go tool -modfile=tools/go.mod

# What is built for a release, for the tests and for make run is the same, wherever the repository lies: one build cache serves all.
export GOFLAGS ?= -trimpath

.PHONY: help looks demo test race run build release generate check crash bench screenshots fuzz vulnerabilities fmt postgres browser node brokers programs
.DEFAULT_GOAL := help

help: ## print this help
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## see Herald at work in a minute: DEMO_ARGS=--exit ends by itself
	@bin/herald demo $(DEMO_ARGS)

# The race detector watches our code and what shares memory with it. SQLite, which is C in Go's clothes, and the sums of passwords share none,
# and are many times slower when watched. Only packages without generic code may be named here: what they made of it would go unwatched
# everywhere.
RACE := -race -gcflags='modernc.org/sqlite/lib=-race=false' -gcflags='modernc.org/libc=-race=false' \
	-gcflags='golang.org/x/crypto/argon2=-race=false' -gcflags='golang.org/x/crypto/blake2b=-race=false' \
	-gcflags='golang.org/x/crypto/blowfish=-race=false'

# The packages whose goroutines share memory, and what of the whole Herald is about many at once: their tests run watched. The others run unwatched, which takes a
# third of the time; make race watches them as well.
WATCHED := ./client ./receiver/... ./internal/access ./internal/db/... ./internal/egress/... ./internal/key ./internal/listen ./internal/live ./internal/message \
	./internal/metrics ./internal/outbox ./internal/publish/... ./internal/replay ./internal/search ./internal/sink ./internal/trace ./internal/traffic \
	./internal/webhook/... ./internal/webhooklog
SHARING := '^Test(Cluster|Fairness|Feed|Intake|Start|Stop|Listener|Outbox|Replay|Token|Traffic|Transaction|Vote)'

test: postgres browser node brokers programs ## run every test, on SQLite and PostgreSQL
	go test -vet=off -timeout 15m $$(go list ./... | grep -vxF "$$(go list $(WATCHED) ./internal/app)")
	go test -vet=off -timeout 15m -skip $(SHARING) ./internal/app
	go test -vet=off $(RACE) -timeout 15m $(WATCHED)
	go test -vet=off $(RACE) -timeout 15m -run $(SHARING) ./internal/app

race: postgres browser node brokers programs ## watch all tests for data races, but for the ten thousand users and the hundreds of looks at screens
	go test -vet=off $(RACE) -timeout 30m -skip '^TestBrowser_Screens$$' ./...

run: build ## start a server with its data in ./herald-data
	bin/herald serve

build: ## build bin/herald
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/herald ./cmd/herald

release: ## make the archives, checksums and lists of parts of a release of this commit, in dist
	go run ./internal/release/build $(VERSION) dist

generate: ## make what is made from other sources: the OpenAPI document
	go generate ./internal/openapi

check: ## vet, staticcheck, format, import directions, generated files, known vulnerabilities
	go mod verify
	go vet ./...
	go vet -tags crashpoint ./internal/crashpoint
	$(TOOL) staticcheck ./...
	@unformatted=$$($(TOOL) gofumpt -l .); \
		test -z "$$unformatted" || { echo "not formatted (run make fmt):"; echo "$$unformatted"; exit 1; }
	go test -count=1 -run '^TestLayout' .
	go test -count=1 -run '^TestDocument_IsCurrent$$' ./internal/openapi

	@$(MAKE) --no-print-directory vulnerabilities

vulnerabilities: ## look for known vulnerabilities in what the binary is made of; part of make check
	@$(TOOL) govulncheck ./cmd/herald; status=$$?; \
		test $$status -ne 1 || { echo "NOT LOOKED FOR: known vulnerabilities; their database cannot be reached"; status=0; }; exit $$status

fmt: ## format the code
	$(TOOL) gofumpt -l -w .

crash: postgres ## kill the real binary under load, ROUNDS times (default 200) on each engine, and the database under it
	CRASH_ROUNDS=$(or $(ROUNDS),200) go test -count=1 -timeout 60m ./test/crash

bench: postgres ## measure what Herald costs beside the bare exchange of client and receiver
	go run ./test/bench $(BENCH_ARGS)

# Each screen of the admin UI with something on it: wide and on a phone, light and dark.
looks: browser ## look at every screen wide and on a phone, light and dark; make test looks at each twice; LOOKS_LANGUAGE=de looks at them in German
	LOOKS=all go test -count=1 -run '^TestBrowser_Screens$$' ./internal/ui

screenshots: browser ## take pictures of all screens of the admin UI, into bin/screenshots, and renew those in docs/screenshots
	SCREENSHOTS=$(CURDIR)/bin/screenshots CI=true go test -vet=off -count=1 -run '^TestBrowser_Screens$$/^(bare|typical)$$' ./internal/ui
	for picture in $(notdir $(wildcard docs/screenshots/*.png)); do cp bin/screenshots/$$picture docs/screenshots/ || exit 1; done

fuzz: ## fuzz each target for FUZZTIME (default 1m)
	@grep -rE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' . | sed -E 's|/[^/]*:func (Fuzz[A-Za-z0-9_]+).*| \1|' | \
	while read -r folder target; do \
		echo "== $$folder $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(or $(FUZZTIME),1m) $$folder || exit 1; \
	done

# The tests start a PostgreSQL of their own. On Debian as root its programs are installed where they are missing; elsewhere the tests use
# what they find, and say so when they find nothing.
postgres:
	@scripts/install-postgres

# Sinks are tested against real brokers, which are installed in the same way.
brokers:
	@scripts/install-brokers

# What is in deploy is checked by the programs that it is for, and completion by the shells that it is for, which are installed in the same way.
programs:
	@scripts/install-programs

# The admin UI is looked at with Chromium, which is installed in the same way.
browser:
	@scripts/install-chromium

# The official TypeScript client, and the example receivers in other languages, are tested where there are Node and Python; the first run fetches packages from the
# npm registry.
node:
	@command -v node >/dev/null 2>&1 || echo "Node was not found: the tests do without the TypeScript client and the receiver in Node." >&2
	@command -v python3 >/dev/null 2>&1 || echo "Python was not found: the tests do without the receiver in Python." >&2
