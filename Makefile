# What a contributor can do; each line also works by hand.

.PHONY: build digits test golden race fuzz bench lint

build:    ## the command, ./bnetc; installs Go and gcc on Debian or Ubuntu where they are missing
	sh ./setup.sh
	go build -o bnetc ./cmd/bnetc

digits: build ## the main job: train the first example on drawn digits
	./bnetc run examples/digits_sdtp.bnet --out runs/digits

test:     ## all tests; installs what those of Vulkan use on Debian or Ubuntu where it is missing
	sh ./setup.sh tests
	go vet ./...
	test -z "$$(gofmt -l $$(git ls-files '*.go'))"
	go test -timeout 30m ./...

golden:   ## rewrite the golden files, then read the diff
	go test $$(go list -f '{{$$p := .ImportPath}}{{range .TestImports}}{{if eq . "bnetc/internal/golden"}}{{$$p}} {{end}}{{end}}{{range .XTestImports}}{{if eq . "bnetc/internal/golden"}}{{$$p}} {{end}}{{end}}' ./...) -short -update
	git diff --stat

race:     ## the race detector over the suite
	go test -race -timeout 60m ./...

FUZZTIME ?= 2m
fuzz:     ## every fuzz target for FUZZTIME
	sh ./internal/fuzz.sh $(FUZZTIME)

bench: build ## a training step of the paper's MNIST network
	./bnetc bench examples/mnist_fc_sdtp_parallel.bnet --threads 2

lint:     ## staticcheck, at the version the project is held to
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
