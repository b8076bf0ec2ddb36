.PHONY: test race lint fuzz integration golden generate ci clean

test:        ; go test ./...
race:        ; go test -race -shuffle=on ./...
lint:        ; .ci/lint
fuzz:        ; .ci/fuzz 30s
integration: ; test/run_integration.sh
golden:      ; test/reference/make_golden.sh
generate:    ; go generate ./...
ci:          ; .ci/run
clean:       ; rm -rf .run
