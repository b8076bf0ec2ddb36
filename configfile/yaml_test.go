package configfile_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

func TestYAMLSyntaxErrorsHaveTheirPosition(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]signalcast.Position{
		"a:\n  b: 1\n c: 2\n":   {Line: 3, Column: 2},
		"a:\n  - x\n  y: 1\n":   {Line: 3, Column: 3},
		"a: 'x\nb: 1\n":         {Line: 1, Column: 4},
		"a: b: c\n":             {Line: 1, Column: 5},
		"a:\n\tb: 1\n":          {Line: 2, Column: 1},
		"a: {}\nb\nc: {}\n":     {Line: 2, Column: 1},
		"a: {}\nb: *x\n":        {Line: 2, Column: 4},
		"a: [1,\n 2\nb: 3\n":    {Line: 3, Column: 2},
		"# x\n\na: \"\\q\"\n":   {Line: 3, Column: 4},
		"x: {}\ny: }\n":         {Line: 2, Column: 4},
		"x: {}\ny: {}\nz: {a\n": {Line: 4, Column: 1}, // the end of the text
	} {
		_, err := configfile.ParseYAML("x", []byte(text))
		invalid, ok := errors.AsType[*signalcast.ValidationError](err)
		require.True(t, ok, text)
		require.Equal(t, want, invalid.Problems[0].Position, "%s%v", text, err)
		require.Equal(t, signalcast.CodeSyntax, invalid.Problems[0].Code)
	}
}

func TestBooleansOfYAML11AreReportedWithTheWordToWrite(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{"yes": "true", "On": "true", "NO": "false", "off": "false"} {
		_, err := configfile.ParseYAML("x", []byte("e:\n  t:\n    enabled: "+word+"\n"))
		require.EqualError(t, err, "x:3:14: e → t → enabled: found "+word+", which YAML 1.2 reads as a string; want "+want)
	}
	_, err := configfile.ParseYAML("x", []byte("e:\n  t:\n    enabled: \"yes\"\n"))
	require.ErrorContains(t, err, "found a string; want true or false")
}
