package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/signalcast/signalcast"
)

// ParseTOML reads a configuration from TOML, see the package documentation.
// Name is the layer's. The error is a [*signalcast.ValidationError]; the layer
// returned with it holds what is right of the text.
func ParseTOML(name string, text []byte) (signalcast.Layer, error) {
	d := newDocument(name)
	if d.fits(text, MaxBytes) {
		d.readTOML(text)
	}
	return d.layer()
}

// readTOML leaves the grammar to the library's decoder, whose tree has no
// places, and takes these from its parser.
func (d *document) readTOML(text []byte) {
	if err := toml.Unmarshal(text, &d.tree); err != nil {
		d.tomlSyntax(text, err)
		return
	}
	w := tomlWalk{document: d, text: text, line: 1, column: 1}
	w.Reset(text)
	var table []string
	for w.NextExpression() {
		switch e := w.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = w.name(nil, e.Key(), true)
		case unstable.KeyValue:
			w.keyValue(table, e)
		default:
		}
	}
}

func (d *document) tomlSyntax(text []byte, err error) {
	d.tree = nil
	pos := signalcast.Position{}
	if syntax, ok := errors.AsType[*toml.DecodeError](err); ok {
		pos.Line, pos.Column = syntax.Position()
		if lines := bytes.Split(text, []byte{'\n'}); pos.Line <= len(lines) {
			line := lines[pos.Line-1]
			pos.Column = 1 + utf8.RuneCount(line[:min(pos.Column-1, len(line))])
		}
	}
	d.fault(signalcast.ConfigPath{}, pos, "not TOML: "+strings.TrimPrefix(err.Error(), "toml: "), "TOML 1.0")
}

// tomlWalk visits every name of a text in its order.
type tomlWalk struct {
	*document
	unstable.Parser
	text []byte

	offset, line, column int // of the name visited last
}

// maxNames is how many names of a path are looked at.
const maxNames = 16

// keyValue visits name = value in the object whose path is given.
func (w *tomlWalk) keyValue(path []string, node *unstable.Node) {
	value := node.Value()
	path = w.name(path, node.Key(), value.Kind == unstable.InlineTable)
	if value.Kind != unstable.InlineTable {
		return
	}
	for children := value.Children(); children.Next(); {
		if child := children.Node(); child.Kind == unstable.KeyValue {
			w.keyValue(path, child)
		}
	}
}

// name visits a dotted name in the object whose path is given, and returns its own path.
func (w *tomlWalk) name(path []string, parts unstable.Iterator, object bool) []string {
	inherited := len(path)
	path = slices.Clone(path)
	first, split := signalcast.Position{}, false
	for parts.Next() && len(path) < maxNames {
		node := parts.Node()
		pos := w.advance(int(node.Raw.Offset))
		bare := w.text[node.Raw.Offset] != '"' && w.text[node.Raw.Offset] != '\''
		if len(path) == inherited {
			first = pos
		}
		split = split || bare && len(path) > inherited
		path = append(path, string(node.Data))
		if len(path) <= 3 && !slices.Contains(path, "") {
			place := signalcast.ConfigPath{}
			for _, name := range path {
				place = child(place, name)
			}
			if _, known := w.positions[place]; !known {
				w.positions[place] = pos
			}
		}
	}
	if split && (len(path) > 3 || object && len(path) == 3) {
		w.fault(signalcast.ConfigPath{}, first, fmt.Sprintf("found %s, which is %d names", strings.Join(path, "."), len(path)),
			"an event type in quotes, which is one name: "+quoted(path, object))
		delete(w.tree, path[0])
	}
	return path
}

// advance maps an offset that is not before the last one.
func (w *tomlWalk) advance(offset int) signalcast.Position {
	passed := w.text[w.offset:offset]
	if n := bytes.Count(passed, []byte{'\n'}); n > 0 {
		w.line, w.column = w.line+n, 1
		passed = passed[bytes.LastIndexByte(passed, '\n')+1:]
	}
	w.column += utf8.RuneCount(passed)
	w.offset = offset
	return signalcast.Position{Line: w.line, Column: w.column}
}

// quoted is the name that was probably meant: an event type ends in its version.
func quoted(path []string, object bool) string {
	setting := ""
	if !object {
		path, setting = path[:len(path)-1], "."+path[len(path)-1]+" = …"
	}
	end := 1 + slices.IndexFunc(path, regexp.MustCompile(`^v\d+$`).MatchString)
	if end == 0 {
		end = max(len(path)-1, 1)
	}
	text := strconv.Quote(strings.Join(path[:end], "."))
	if topic := strings.Join(path[end:], "."); topic != "" {
		text += "." + topic
	}
	if object {
		return "[" + text + "]"
	}
	return text + setting
}
