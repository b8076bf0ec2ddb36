.PHONY: test race lint fuzz integration faults outbox consume scale soak bench bench-quick bench-guard apidiff release vuln golden generate ci clean

test:        ; go test ./...
race:        ; go test -race -shuffle=on ./...
lint:        ; .ci/lint
fuzz:        ; .ci/fuzz 30s
integration: ; test/run_integration.sh
faults:      ; go test -tags integration -count=1 -timeout 60m -v ./test/faults -args -full -write docs/faults.md
outbox:      ; go test -tags integration -count=1 -timeout 60m -v ./test/outbox -attacks 25 -write docs/transactions.md
consume:     ; go test -tags integration -count=1 -timeout 60m -v ./test/consume -attacks 7 -write docs/consuming.md
scale:       ; go test -tags integration -count=1 -timeout 60m -v ./test/scale -run 'TestScale$$' -args -write docs/scaling.md
HOURS ?= 1
soak:        ; go test -tags integration -count=1 -timeout 0 -v ./test/soak -args -for $(HOURS)h -write docs/soak.md
bench:       ; cd bench && go run . -write
bench-quick: ; cd bench && go run . -quick -rounds 9
bench-guard: ; cd bench && go run . -guard
apidiff:     ; .ci/apidiff
release:     ; .ci/release
vuln:        ; .ci/vuln
golden:      ; test/reference/make_golden.sh
generate:    ; go generate ./...
ci:          ; .ci/run
clean:       ; rm -rf .run
