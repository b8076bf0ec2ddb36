//go:build ignore

// Command generate writes the generated files of package openedx from the golden data.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/signalcast/signalcast/openedx/internal/gen"
)

func main() {
	files, err := gen.Files(filepath.Join("..", "testdata", "golden"))
	if err != nil {
		log.Fatal(err)
	}
	for name, source := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(name, source, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
