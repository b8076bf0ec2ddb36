package jsonpos_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/jsonpos"
)

// tokens returns a line for each token of text, such as "1:2 a name [x]".
func tokens(text string) (list []string, err *jsonpos.SyntaxError) {
	r := jsonpos.NewReader([]byte(text))
	for t := r.Next(); t.Kind != jsonpos.End; t = r.Next() {
		line := fmt.Sprintf("%d:%d %s", t.Position.Line, t.Position.Column, t.Kind)
		if t.Kind == jsonpos.ObjectStart || t.Kind == jsonpos.ArrayStart {
			line += " starts"
		}
		if t.Text != "" {
			line += " [" + t.Text + "]"
		}
		if t.Fault != "" {
			line += " with " + t.Fault
		}
		list = append(list, line)
	}
	return list, r.Err()
}

func TestReaderReturnsTokensWithPositions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"an empty object", "{}", []string{"1:1 an object starts", "1:2 the end of an object"}},
		{"nested containers over several lines", "{\n  \"a\": [1, true],\r\n\t\"b\": null }", []string{
			"1:1 an object starts", "2:3 a name [a]", "2:8 a list starts", "2:9 a number [1]", "2:12 a boolean [true]",
			"2:16 the end of a list", "3:2 a name [b]", "3:7 null [null]", "3:12 the end of an object",
		}},
		{"columns count characters, not bytes", `["äöü€😀", -1.5e3]`, []string{
			"1:1 a list starts", "1:2 a string [äöü€😀]", "1:11 a number [-1.5e3]", "1:17 the end of a list",
		}},
		{"escape sequences", `"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ufffd"`, []string{
			"1:1 a string [\"\\/\b\f\n\r\té😀\ufffd]",
		}},
		{"the reader continues after half of a surrogate pair", `["\ud83dx", "\ude00"]`, []string{
			"1:1 a list starts", "1:2 a string [\ufffdx] with half of a surrogate pair",
			"1:13 a string [\ufffd] with half of a surrogate pair", "1:21 the end of a list",
		}},
		{"the reader continues after invalid UTF-8 in a string", "[\"\xff\", 1]", []string{
			"1:1 a list starts", "1:2 a string [\xff] with invalid UTF-8", "1:7 a number [1]", "1:8 the end of a list",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			list, err := tokens(tc.text)
			require.Nil(t, err)
			require.Equal(t, tc.want, list)
		})
	}
}

func TestSyntaxErrorHasPositionFoundAndWant(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"an empty text", " \n", "line 2, column 1: found the end of the text; want a JSON value"},
		{"trailing data", "{}\n x", "line 2, column 2: found character 'x'; want nothing after the outermost value"},
		{"a trailing comma in an object", `{"a":1,}`, "line 1, column 8: found character '}'; want a name in double quotes"},
		{"a trailing comma in a list", `[1,]`, "line 1, column 4: found character ']'; want a JSON value"},
		{"a missing comma", `{"a":1 "b":2}`, `line 1, column 8: found character '"'; want a comma or the end of the object`},
		{"a missing colon", `{"a" 1}`, "line 1, column 6: found character '1'; want a colon"},
		{"the wrong bracket", `[1}`, "line 1, column 3: found character '}'; want a comma or the end of the list"},
		{"an object that does not end", `{"a":1`, "line 1, column 7: found the end of the text; want a comma or the end of the object"},
		{"a string that does not end", `"ab`, "line 1, column 4: found the end of the text; want a closing quote"},
		{"a line break in a string", "\"ab\n\"", `line 1, column 4: found character '\n'; want an escape sequence for the control character`},
		{"an unknown escape sequence", `"ab\x"`, `line 1, column 4: found character '\\'; want one of the escape sequences of JSON`},
		{"an escape sequence cut off", `"\u12`, `line 1, column 2: found character '\\'; want one of the escape sequences of JSON`},
		{"a word of Python", "[None]", "line 1, column 2: found character 'N'; want a JSON value"},
		{"a number with a leading zero", "01", "line 1, column 1: found character '0'; want a JSON value"},
		{"a name without quotes", "{a:1}", "line 1, column 2: found character 'a'; want a name in double quotes"},
		{"a byte order mark", "\ufeff{}", `line 1, column 1: found character '\ufeff'; want a JSON value`},
		{"a byte outside strings that is not UTF-8", "[\xff]", "line 1, column 2: found byte 0xff, which is not valid UTF-8; want a JSON value"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := tokens(tc.text)
			require.NotNil(t, err)
			require.Equal(t, tc.want, err.Error())
		})
	}
}

func TestSkipReadsToTheEndOfAValue(t *testing.T) {
	t.Parallel()
	depth := 1_000_000
	deep := strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth)
	for _, value := range []string{"1", `"x"`, "null", "{}", `{"a":{"b":[{},[]]}}`, deep} {
		r := jsonpos.NewReader([]byte("[" + value + `, "next"]`))
		r.Next()
		r.Skip(r.Next())
		require.Equal(t, "next", r.Next().Text)
	}
	r := jsonpos.NewReader([]byte(`[{"a":`))
	r.Next()
	r.Skip(r.Next())
	require.NotNil(t, r.Err())
}

// FuzzReader compares the reader with encoding/json. They accept the same texts, except for
// invalid UTF-8 and very deep nesting.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e3,true,null,"é\u00e9"]}`, "[\"\xff\"]", `"\ud800"`, `{"a":1,}`, "[[[", "01", `{"a"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.Count(text, []byte("[")) > 1000 || bytes.Count(text, []byte("{")) > 1000 {
			return
		}
		r := jsonpos.NewReader(text)
		first := r.Next()
		last, faults := first, first.Fault != ""
		for token := r.Next(); token.Kind != jsonpos.End; token = r.Next() {
			require.True(t, token.Position.Line > last.Position.Line ||
				token.Position.Line == last.Position.Line && token.Position.Column > last.Position.Column)
			last, faults = token, faults || token.Fault != ""
		}
		require.Equal(t, json.Valid(text), r.Err() == nil)
		if r.Err() != nil {
			lines := bytes.Split(text, []byte("\n"))
			at := r.Err().Position
			require.LessOrEqual(t, at.Line, len(lines))
			require.LessOrEqual(t, at.Column, utf8.RuneCount(lines[at.Line-1])+1)
			return
		}
		require.False(t, !utf8.Valid(text) && !faults, "invalid UTF-8 was not reported")
		if first.Kind == jsonpos.String && !faults {
			var want string
			require.NoError(t, json.Unmarshal(text, &want))
			require.Equal(t, want, first.Text)
		}
	})
}
