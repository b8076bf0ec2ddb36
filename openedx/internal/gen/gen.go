// Package gen writes the Open edX catalogue as Go source.
package gen

import (
	"bytes"
	"embed"
	"fmt"
	"go/format"
	"path"
	"text/template"
)

//go:embed templates
var templates embed.FS

// Files returns the generated files of package openedx, by their paths in it.
// It reads the golden data in the directory golden. Equal data gives equal files.
func Files(golden string) (map[string][]byte, error) {
	c, err := load(golden)
	if err != nil {
		return nil, err
	}
	top, packages, err := c.model()
	if err != nil {
		return nil, err
	}
	t, err := template.ParseFS(templates, "templates/*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("parsing templates: %w", err)
	}
	files := map[string][]byte{}
	render := func(name, templateName string, model any) error {
		var source bytes.Buffer
		if err := t.ExecuteTemplate(&source, templateName, model); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		formatted, err := format.Source(source.Bytes())
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		files[name] = formatted
		return nil
	}
	if err := render("catalog_gen.go", "catalog.tmpl", top); err != nil {
		return nil, err
	}
	for name, p := range packages {
		if err := render(path.Join(name, "data_gen.go"), "data.tmpl", p); err != nil {
			return nil, err
		}
		if err := render(path.Join(name, "signals_gen.go"), "signals.tmpl", p); err != nil {
			return nil, err
		}
	}
	return files, nil
}
