export CGO_ENABLED := 0

.PHONY: check bench fuzz
check: # what a change must pass
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	go vet ./...
	go test ./...

bench: # all benchmarks; compare two runs with benchstat
	go test -run '^$$' -bench . -benchmem ./...

fuzz: # each decoder for a minute
	@grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r f; do \
	  grep -oE '^func Fuzz[A-Za-z0-9_]*' "$$f" | sed 's/^func //' | while read -r t; do \
	    go test -run '^$$' -fuzz "^$$t\$$" -fuzztime 60s "$$(dirname "$$f")" || exit 1; done; done
