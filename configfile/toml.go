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
	"github.com/signalcast/signalcast/internal/configtree"
)

// ParseTOML parses a layer with the given name in TOML. See the package documentation. The
// error is a [*signalcast.ValidationError]. ParseTOML returns the valid rest of the layer
// beside it.
func ParseTOML(name string, text []byte) (signalcast.Layer, error) {
	d := configtree.New(name)
	if d.Fits(text, MaxBytes) {
		readTOML(d, text)
	}
	return d.Layer()
}

// readTOML reads the tree with the decoder of the library, and the positions, which the
// decoder does not give, with its parser.
func readTOML(d *configtree.Document, text []byte) {
	if err := toml.Unmarshal(text, &d.Tree); err != nil {
		tomlSyntax(d, text, err)
		return
	}
	w := tomlWalk{Document: d, text: text, line: 1, column: 1}
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

func tomlSyntax(d *configtree.Document, text []byte, err error) {
	d.Tree = nil
	pos := signalcast.Position{}
	if syntax, ok := errors.AsType[*toml.DecodeError](err); ok {
		pos.Line, pos.Column = syntax.Position()
		if lines := bytes.Split(text, []byte{'\n'}); pos.Line <= len(lines) {
			line := lines[pos.Line-1]
			pos.Column = 1 + utf8.RuneCount(line[:min(pos.Column-1, len(line))])
		}
	}
	d.Fault(signalcast.CodeSyntax, signalcast.ConfigPath{}, pos, fmt.Sprintf("found text that is not TOML: %v", err), "TOML 1.0")
}

// tomlWalk visits every name of a text, in order.
type tomlWalk struct {
	*configtree.Document
	unstable.Parser
	text []byte

	offset, line, column int // of the last visited name
}

// maxNames is the number of names of a path that are read.
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
				place = configtree.Child(place, name)
			}
			if _, known := w.Positions[place]; !known {
				w.Positions[place] = pos
			}
		}
	}
	if split && (len(path) > 3 || object && len(path) == 3) {
		w.Fault(signalcast.CodeUnknownField, signalcast.ConfigPath{}, first, fmt.Sprintf("found %s, which is %d names", strings.Join(path, "."), len(path)),
			"an event type in quotes, which is one name: "+quoted(path, object))
		delete(w.Tree, path[0])
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

// quoted returns the name that was probably meant. An event type ends in its version.
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
