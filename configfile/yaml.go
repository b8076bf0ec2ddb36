package configfile

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/signalcast/signalcast"
)

// ParseYAML reads a configuration from YAML, see the package documentation.
// Name is the layer's. The error is a [*signalcast.ValidationError]; the layer
// returned with it holds what is right of the text.
func ParseYAML(name string, text []byte) (signalcast.Layer, error) {
	d := newDocument(name)
	if d.fits(text, MaxBytes) {
		d.readYAML(text)
	}
	return d.layer()
}

func (d *document) readYAML(text []byte) {
	const one = "one document"
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if errors.Is(err, io.EOF) {
		return
	}
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			d.fault(signalcast.ConfigPath{}, at(&second), "found a second document", one)
		}
		d.yamlDocument(first.Content[0])
	}
	if err != nil && !errors.Is(err, io.EOF) {
		d.yamlSyntax(text, err)
	}
}

func (d *document) yamlDocument(root *yaml.Node) {
	d.positions[signalcast.ConfigPath{}] = at(root)
	value, ok := d.yamlValue(root, signalcast.ConfigPath{})
	if tree, isObject := value.(map[string]any); isObject {
		d.tree = tree
	} else if ok {
		d.fault(signalcast.ConfigPath{}, at(root), "found no object", "an object of event types")
	}
}

// yamlValue converts the value that stands at path; ok is false after a fault.
func (d *document) yamlValue(node *yaml.Node, path signalcast.ConfigPath) (value any, ok bool) {
	switch node.Kind {
	case yaml.MappingNode:
		return d.yamlObject(node, path), true
	case yaml.SequenceNode:
		return []any{}, true
	case yaml.AliasNode:
		d.fault(path, at(node), "found an alias", "the value itself")
		return nil, false
	default:
		switch node.ShortTag() {
		case "!!str":
			return node.Value, true
		case "!!null":
			return nil, true
		case "!!int", "!!float":
			return 0, true // which number does not matter
		case "!!bool":
			var b bool
			if node.Decode(&b) == nil {
				return b, true
			}
		}
		d.fault(path, at(node), "found a value of type "+strconv.Quote(node.ShortTag()), "objects, strings and booleans")
		return nil, false
	}
}

// yamlObject converts an object. What lies deeper than settings is not looked at.
func (d *document) yamlObject(node *yaml.Node, path signalcast.ConfigPath) map[string]any {
	object := map[string]any{}
	if path.Field != "" {
		return object
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, content := node.Content[i], node.Content[i+1]
		switch {
		case key.Kind == yaml.AliasNode || key.ShortTag() == "!!merge":
			d.fault(path, at(key), "found an alias or a merge key", "the settings themselves")
			continue
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			d.fault(path, at(key), "found a name of type "+strconv.Quote(key.ShortTag()), "a string; quotes make one")
			continue
		case key.Value == "":
			object[""] = nil // refused by the rules
			continue
		}
		name := child(path, key.Value)
		if first, again := d.positions[name]; again {
			d.fault(name, at(key), "duplicate key; first set at line "+strconv.Itoa(first.Line)+", column "+strconv.Itoa(first.Column), "")
		} else {
			d.positions[name] = at(key)
		}
		if value, ok := d.yamlValue(content, name); ok {
			object[key.Value] = value
		}
	}
	return object
}

func at(node *yaml.Node) signalcast.Position {
	return signalcast.Position{Line: node.Line, Column: node.Column}
}

// yamlSyntax reports a text that is not YAML. The library gives the line as a
// part of the message only, not the column, and calls a tab any character.
func (d *document) yamlSyntax(text []byte, err error) {
	found, pos := err.Error(), signalcast.Position{}
	if parts := regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`).FindStringSubmatch(found); parts != nil {
		found = parts[2]
		if line, _ := strconv.Atoi(parts[1]); line > 0 {
			pos = signalcast.Position{Line: line, Column: 1}
		}
	}
	for i, line := range bytes.Split(text, []byte{'\n'}) {
		indent := len(line) - len(bytes.TrimLeft(line, " \t"))
		if tab := bytes.IndexByte(line[:indent], '\t'); tab >= 0 && indent < len(line) && i+1 >= pos.Line-1 && i <= pos.Line {
			d.fault(signalcast.ConfigPath{}, signalcast.Position{Line: i + 1, Column: tab + 1}, "found a tab", "spaces for indentation")
			return
		}
	}
	d.fault(signalcast.ConfigPath{}, pos, "not YAML: "+found, "one YAML document")
}
