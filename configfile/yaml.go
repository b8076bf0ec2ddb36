package configfile

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/configtree"
)

// ParseYAML parses a text in YAML, by the rules in the package documentation. name is the name of the
// layer. The error is a [*signalcast.ValidationError]. ParseYAML returns the valid part of the
// layer beside it.
func ParseYAML(name string, text []byte) (signalcast.Layer, error) {
	d := yamlReader{configtree.New(name)}
	if d.Fits(text, MaxBytes) {
		d.read(text)
	}
	return d.Layer()
}

// yamlReader reads YAML into a document.
type yamlReader struct{ *configtree.Document }

func (d yamlReader) read(text []byte) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if errors.Is(err, io.EOF) {
		return
	}
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			d.Fault(signalcast.CodeSyntax, signalcast.ConfigPath{}, at(&second), "found a second document", "one document")
		}
		d.document(first.Content[0])
	}
	if err != nil && !errors.Is(err, io.EOF) {
		d.syntax(text, err)
	}
}

func (d yamlReader) document(root *yaml.Node) {
	d.Positions[signalcast.ConfigPath{}] = at(root)
	value, ok := d.value(root, signalcast.ConfigPath{})
	if tree, isObject := value.(map[string]any); isObject {
		d.Tree = tree
	} else if ok {
		d.Fault(signalcast.CodeWrongType, signalcast.ConfigPath{}, at(root), "found "+kind(root), "an object of event types")
	}
}

// value converts the value at path. It returns false after a fault.
func (d yamlReader) value(node *yaml.Node, path signalcast.ConfigPath) (value any, ok bool) {
	switch node.Kind {
	case yaml.MappingNode:
		return d.object(node, path), true
	case yaml.SequenceNode:
		return []any{}, true
	case yaml.AliasNode:
		d.Fault(signalcast.CodeSyntax, path, at(node), "found an alias", "the value itself")
		return nil, false
	default:
		switch node.ShortTag() {
		case "!!str":
			if path.Field == fieldEnabled || path.Field == fieldKeyless {
				if d.oldBoolean(node, path) {
					return nil, false
				}
			}
			return node.Value, true
		case "!!null":
			return nil, true
		case "!!int", "!!float":
			return 0, true // no setting is a number
		case "!!bool":
			var b bool
			if node.Decode(&b) == nil {
				return b, true
			}
			d.Fault(signalcast.CodeWrongType, path, at(node), "found a malformed boolean", "true or false")
			return nil, false
		}
		d.Fault(signalcast.CodeWrongType, path, at(node), "found a value of type "+strconv.Quote(node.ShortTag()), "an object, a string or a boolean")
		return nil, false
	}
}

// The settings that are booleans.
const (
	fieldEnabled = "enabled"
	fieldKeyless = "keyless"
)

// oldBoolean reports a word without quotes that is a boolean in YAML 1.1 and a string in YAML 1.2.
func (d yamlReader) oldBoolean(node *yaml.Node, path signalcast.ConfigPath) bool {
	meant := boolean(node.Value)
	if node.Style != 0 || meant == "" {
		return false
	}
	d.Fault(signalcast.CodeWrongType, path, at(node), "found "+node.Value+", which YAML 1.2 reads as a string", meant)
	return true
}

// boolean returns true or false for a word that other languages or versions read as that boolean. It
// returns an empty string for other words.
func boolean(word string) string {
	switch strings.ToLower(word) {
	case "true", "yes", "y", "on":
		return "true"
	case "false", "no", "n", "off":
		return "false"
	default:
		return ""
	}
}

// object converts an object. It does not read objects inside settings.
func (d yamlReader) object(node *yaml.Node, path signalcast.ConfigPath) map[string]any {
	object := map[string]any{}
	if path.Field != "" {
		return object
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, content := node.Content[i], node.Content[i+1]
		switch {
		case key.Kind == yaml.AliasNode || key.ShortTag() == "!!merge":
			d.Fault(signalcast.CodeSyntax, path, at(key), "found an alias or a merge key", "the settings themselves")
			continue
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			d.Fault(signalcast.CodeWrongType, path, at(key), "found a name of type "+strconv.Quote(key.ShortTag()), "a string in quotes")
			continue
		case key.Value == "":
			object[""] = nil // Layer reports it
			continue
		}
		name := configtree.Child(path, key.Value)
		if first, again := d.Positions[name]; again {
			d.Fault(signalcast.CodeDuplicateKey, name, at(key), "duplicate key; first set at line "+strconv.Itoa(first.Line)+", column "+strconv.Itoa(first.Column), "")
		} else {
			d.Positions[name] = at(key)
		}
		if value, ok := d.value(content, name); ok {
			object[key.Value] = value
		}
	}
	return object
}

// kind describes a value that is not an object.
func kind(node *yaml.Node) string {
	names := map[string]string{"!!seq": "a list", "!!null": "null", "!!str": "a string", "!!bool": "a boolean", "!!int": "a number", "!!float": "a number"}
	return cmp.Or(names[node.ShortTag()], "a value of type "+strconv.Quote(node.ShortTag()))
}

func at(node *yaml.Node) signalcast.Position {
	return signalcast.Position{Line: node.Line, Column: node.Column}
}

// syntax reports a syntax error. For a tab in the indentation the error of the library is unclear, so
// syntax looks for one itself.
func (d yamlReader) syntax(text []byte, err error) {
	found, pos := "found text that is not YAML", signalcast.Position{}
	if fault, ok := errors.AsType[*yaml.LoadError](err); ok {
		mark := fault.Mark
		if fault.Stage == yaml.ScannerStage && fault.ContextMark.Line > 0 {
			mark = fault.ContextMark // the start of an unterminated string or name
		}
		pos = signalcast.Position{Line: mark.Line, Column: mark.Column}
		found += ": " + fault.Message
	}
	if lines := bytes.Split(text, []byte{'\n'}); 0 < pos.Line && pos.Line <= len(lines) {
		line := lines[pos.Line-1]
		indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
		if tab := bytes.IndexByte(indent, '\t'); tab >= 0 {
			d.Fault(signalcast.CodeSyntax, signalcast.ConfigPath{}, signalcast.Position{Line: pos.Line, Column: tab + 1},
				"found a tab in the indentation", "spaces")
			return
		}
	}
	d.Fault(signalcast.CodeSyntax, signalcast.ConfigPath{}, pos, found, "one YAML document")
}
