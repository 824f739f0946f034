# What a developer needs. CI runs `make test` and nothing else.

GO         ?= go
DOCKER     ?= docker
FUZZTIME   ?= 30s
BENCH      ?= .
SEEDS      ?= 100000
FIRST_SEED ?= 1
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
IMAGE      ?= autoscaled:$(VERSION)
BUILD_ARGS ?=

export GO

.PHONY: all build test lint bench fuzz soak docker clean

all: build

# A static binary in bin/. The version is told by ldflags, so that a build from
# a tarball or from somebody else's checkout works too.
build:
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false \
		-ldflags '-s -w -X main.version=$(VERSION)' -o bin/autoscaled ./cmd/autoscaled

# Everything that must hold before a change goes in. Installs what it lacks when
# it runs as root, says what is missing when it does not.
test:
	@bash .ci/test.sh

# The fast half of `make test`: formatting, vet, staticcheck, go.mod.
lint:
	@bash .ci/test.sh lint

# One package or one benchmark: make bench BENCH=Decide
bench:
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

# Every fuzz target, one after the other, each for FUZZTIME.
fuzz:
	@FUZZTIME=$(FUZZTIME) bash .ci/fuzz.sh

# The simulation at length: make soak SEEDS=100000 FIRST_SEED=5000
# and twenty loops of 2,000 nodes for ten virtual hours.
soak:
	cd autoscale/loop && $(GO) test -count=1 -timeout 0 -run 'TestLoad$$' -load-loops=20 -load-nodes=2000 -load-hours=10
	$(GO) test -count=1 -timeout 0 ./internal/simulation -run 'TestSimulation$$' -seeds=$(SEEDS) -first-seed=$(FIRST_SEED)

# DOCKER=podman or DOCKER=buildah do as well. Other base images:
# make docker BUILD_ARGS='--build-arg BUILD_IMAGE=... --build-arg RUNTIME_IMAGE=...'
docker:
	$(DOCKER) build --build-arg VERSION=$(VERSION) $(BUILD_ARGS) -t $(IMAGE) .

clean:
	rm -rf bin dist
