package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/configtree"
)

// ParseTOML parses a text in TOML, by the rules in the package documentation. name is the name of the
// layer. The error is a [*signalcast.ValidationError]. ParseTOML returns the valid part of the
// layer beside it.
func ParseTOML(name string, text []byte) (signalcast.Layer, error) {
	d := configtree.New(name)
	if d.Fits(text, MaxBytes) {
		readTOML(d, text)
	}
	return d.Layer()
}

// readTOML reads the tree with the library's decoder. The decoder has no positions, so readTOML reads
// them with the library's parser.
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
	pos, word := signalcast.Position{}, ""
	if syntax, ok := errors.AsType[*toml.DecodeError](err); ok {
		pos.Line, pos.Column = syntax.Position()
		if lines := bytes.Split(text, []byte{'\n'}); pos.Line <= len(lines) {
			line := lines[pos.Line-1]
			start := min(pos.Column-1, len(line))
			pos.Column = 1 + utf8.RuneCount(line[:start])
			if rest := string(line[start:]); bytes.HasSuffix(bytes.TrimSpace(line[:start]), []byte("=")) {
				word = rest[:len(rest)-len(strings.TrimLeftFunc(rest, unicode.IsLetter))]
			}
		}
	}
	if want := boolean(word); want != "" {
		d.Fault(signalcast.CodeSyntax, signalcast.ConfigPath{}, pos, "found "+word, want)
		return
	}
	d.Fault(signalcast.CodeSyntax, signalcast.ConfigPath{}, pos, fmt.Sprintf("found text that is not TOML: %v", err), "TOML 1.0")
}

// tomlWalk visits the names of a text in their order.
type tomlWalk struct {
	*configtree.Document
	unstable.Parser
	text []byte

	offset, line, column int // the position of the last visited name
}

// maxNames is the number of names of a path that tomlWalk reads.
const maxNames = 16

// keyValue visits the names of name = value. path is that of the object around it.
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

// name visits a dotted name and returns its path. path is that of the object around it. object
// reports whether the name has an object as its value.
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
		at, meant := signalcast.ConfigPath{}, path
		if path[0] == ProducerConfigVariable {
			at.EventType, meant = path[0], path[1:]
		}
		w.Fault(signalcast.CodeUnknownField, at, first, fmt.Sprintf("found %d names: %s", len(path), strings.Join(path, ".")),
			"the event type in quotes, as one name: "+quoted(meant, object))
		delete(w.Tree, path[0])
	}
	return path
}

// advance returns the position of an offset, which must not be before that of the last call.
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

// quoted returns the probable meaning of a dotted name, in TOML. An event type ends in its version.
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
