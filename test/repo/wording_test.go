package repo_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wordings are phrases that a reader has to decode, and what says the same.
var wordings = []struct{ phrase, instead string }{
	{`nobody|somebody|whoever`, "name the caller, the operator, the broker or the receiver"},
	{`hush(?:ed)?`, "redact"},
	{`bury|buried`, "publish a dead letter"},
	{`nonsense`, "malformed"},
	{`leads? (?:away|on)`, "redirects to"},
	{`whatever becomes|what is (?:right|left|wrong) of`, "name what is meant"},
	{`(?:is|are) (?-i:none)(?: of them)?`, "is not one"},
	{`(?:is|are) told`, "receives, is configured with, returns"},
	{`has a word`, "is consulted"},
	{`of its own accord`, "by itself"},
	{`is as good as|may well be`, "say what holds"},
	{`all that`, "everything that, or name it"},
	{`gone again`, "ended"},
	{`allowed (?:is|are)`, "want"},
}

// compiledWordings has one group for each of wordings.
func compiledWordings() *regexp.Regexp {
	var groups []string
	for _, w := range wordings {
		groups = append(groups, "("+strings.ReplaceAll(w.phrase, " ", `\s+`)+")")
	}
	return regexp.MustCompile(`(?i)\b(?:` + strings.Join(groups, "|") + `)\b`)
}

// instead returns what replaces the phrase that a match of compiledWordings found.
func instead(match []string) string {
	for i, group := range match[1:] {
		if group != "" {
			return wordings[i].instead
		}
	}
	return ""
}

func TestTextsUsePlainWords(t *testing.T) {
	t.Parallel()
	odd := compiledWordings()
	for _, file := range files(t, ".go", ".md", ".tmpl", ".sh", ".py", ".yml") {
		if file == "CHANGELOG.md" || file == "test/repo/wording_test.go" {
			continue
		}
		for _, text := range texts(t, file) {
			for _, match := range odd.FindAllStringSubmatch(text, -1) {
				t.Errorf("%s: found %q; want: %s", file, match[0], instead(match))
			}
		}
	}
}

var nameWord = regexp.MustCompile(`\p{Lu}?[\p{Ll}\d]+|\p{Lu}+`)

// texts returns the text of a file. For Go that is the comments, the strings and
// the names, split into words.
func texts(t *testing.T, file string) []string {
	t.Helper()
	if path.Ext(file) != ".go" {
		return []string{read(t, file)}
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ParseComments)
	require.NoError(t, err)
	var found []string
	for _, comment := range parsed.Comments {
		found = append(found, comment.Text())
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				found = append(found, n.Value)
			}
		case *ast.Ident:
			found = append(found, strings.Join(nameWord.FindAllString(n.Name, -1), " "))
		}
		return true
	})
	return found
}

func TestOddWordsAreFound(t *testing.T) {
	t.Parallel()
	odd := compiledWordings()
	for text, want := range map[string]string{
		"Nobody waits.":                    "name the caller, the operator, the broker or the receiver",
		"found a string; allowed is true":  "want",
		"an answer that is\nnone of them.": "is not one",
		"All of them, as one, are fine.":   "",
	} {
		match := odd.FindStringSubmatch(text)
		require.Equal(t, want != "", match != nil, text)
		if match != nil {
			require.Equal(t, want, instead(match))
		}
	}
}
