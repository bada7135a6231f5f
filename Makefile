# Loa Xã. `make demo` and `make test` install what is missing, quickly when it is there.
GO ?= go
TAGS ?=
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS = -s -w -X loaxa/internal/radio.Version=$(VERSION)

.PHONY: all build demo test short lint deps deps-test bench-ingest bench-log-1m bench-log bench-size bench-sound bench-cpu bench-sound-cron bench-alert soak-kill soak-fuzz clean

all: build

## build: bin/loaxa (the centre) and bin/loaxa-agent (the controller)
build: deps
	@mkdir -p bin
	$(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

## demo: the whole walk on this machine; ONCE=1 ends when every airing has its outcome
demo: build
	@./bin/loaxa demo --agent ./bin/loaxa-agent --dir demo-data $(if $(filter 1,$(ONCE)),--once)

## test: everything for real (broker, databases, sound).
## What measures sound against the clock runs last: other packages' work on the same cores
## would be heard. It waits more than it works, and so many sounds side by side.
## The race detector watches our code and all it calls but packages that only compute:
## SQLite translated to Go (watched, the store's tests take many times as long), MP3
## decoding, password hashing, the judge of recorded sound. None of them may make a generic
## function of others' atomics: the linker keeps one copy of each, and an unwatched
## sync/atomic.Pointer[T] of theirs would report races that are none.
## LONGEST begin first, and end with the others.
## What draws many cases by lot does so without the detector, and takes a part of them with
## it (internal/raced).
DRAWN = ./internal/central/verify ./internal/agent/playout ./internal/e2e/rules ./internal/central/programme ./internal/central/schedule ./internal/timetable
LONGEST = ./internal/central/web ./internal/central/store ./internal/central/library
TIMED = ./internal/agent ./internal/agent/player ./internal/e2e
UNWATCHED = modernc.org/sqlite/lib modernc.org/memory github.com/hajimehoshi/go-mp3/... golang.org/x/crypto/argon2 golang.org/x/crypto/blake2b \
	crypto/internal/fips140/sha256 crypto/internal/fips140/hmac crypto/internal/fips140/pbkdf2 loaxa/internal/e2e/soundlab
RACE = -race $(foreach lib,$(UNWATCHED),-gcflags=$(lib)=-race=false)
test: deps-test
	$(GO) test -shuffle=on $(DRAWN)
	$(GO) test $(RACE) -shuffle=on -timeout 15m -p 3 $(LONGEST) $$($(GO) list ./... | grep -v -e '/internal/agent$$' -e '/internal/agent/player$$' -e '/internal/e2e$$')
	$(GO) test $(RACE) -shuffle=on -timeout 15m -p 2 -parallel 6 $(filter-out %/e2e,$(TIMED))
	$(GO) test $(RACE) -shuffle=on -timeout 15m $(filter %/e2e,$(TIMED))

## short: no services, about a minute
short:
	$(GO) test -short -shuffle=on -tags '$(TAGS)' ./...

## lint: gofmt, go vet, staticcheck
lint: deps
	@out="$$(gofmt -l $$(git ls-files '*.go'))"; if [ -n "$$out" ]; then echo "not gofmt'ed: $$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

## deps: what building and the demo need from Debian
deps:
	@./.ci/deps run

## deps-test: what the tests need besides
deps-test:
	@./.ci/deps run test

## bench-ingest: durable confirmations a second through the embedded broker
bench-ingest: deps
	$(GO) test -run '^$$' -bench 'Ingest' -benchtime 20000x ./internal/central/... ./internal/e2e/...

## bench-log-1m: every query of the log's pages at a million rows, on both engines; fails
## where 95 % take more than 50 ms. The data set stays in BENCH_DATA.
BENCH_DATA ?= bench-data
bench-log-1m: deps-test
	GO='$(GO)' ./.ci/bench-log 24 '$(BENCH_DATA)' 50

## bench-log: the same at fifteen million rows (about 40 GB of disk, most of an hour the
## first time; goes on where it was broken off). ENGINE=sqlite or postgres for one engine
bench-log: deps-test
	GO='$(GO)' ./.ci/bench-log 365 '$(BENCH_DATA)'

## bench-size: binary sizes, memory and CPU of agent and centre, idle and playing
bench-size: build
	@./.ci/bench-size

## bench-sound: when bulletins begin, on recorded sound: two agents with alsa, with oto,
## and sleep + mpg123, 300 starts each; CPU of players beside mpg123's. 40 minutes, on a
## quiet machine; goes on where it was broken off. The results stay in SOUND_DATA
SOUND_DATA ?= bench-sound
bench-sound: build deps-test
	GO='$(GO)' ./.ci/bench-sound '$(SOUND_DATA)'

## bench-cpu: of that only the CPU, which other work on the machine hardly changes: seven
## minutes
bench-cpu: build deps-test
	ONLY=CPU GO='$(GO)' ./.ci/bench-sound '$(SOUND_DATA)'

## bench-sound-cron: the same with cron + mpg123 besides, every minute for 22 minutes (root)
bench-sound-cron: build deps-test
	@./.ci/deps bench
	GO='$(GO)' ./.ci/bench-sound '$(SOUND_DATA)' 22

## bench-alert: sent → received at 1,000 and 5,000 devices without sound, and at the centre;
## sent → first sample of one agent with sound, 20 drills. A quarter of an hour, on a quiet
## machine. The table stays in ALERT_DATA; AGENTS and DRILLS set the sizes
ALERT_DATA ?= bench-alert
bench-alert: build deps-test
	GO='$(GO)' ./.ci/bench-alert '$(ALERT_DATA)'

## soak-kill: 500 seeded kills of agents, players and sound servers while they sound, at most
## an hour; goes on where it was broken off. SEED and KILLS set others
SOAK_DATA ?= soak-kill
soak-kill: build deps-test
	GO='$(GO)' ./.ci/soak-kill '$(SOAK_DATA)'

## soak-fuzz: every fuzz target, two workers, those that ran least first, at most an hour a
## run, until each has had ten minutes over all runs; goes on where it was broken off.
## MINUTES, EACH (seconds), WORKERS and ONLY (a pattern of targets) set others
FUZZ_DATA ?= soak-fuzz
soak-fuzz: deps
	GO='$(GO)' ./.ci/soak-fuzz '$(FUZZ_DATA)'

clean:
	rm -rf bin demo-data
