package repo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const maxWords = 30

// longSentences returns the sentences of a page that have more than maxWords
// words, each with its line.
func longSentences(page string) []string {
	var long []string
	for _, b := range prose(page) {
		for _, sentence := range sentences(b.text) {
			if n := words(sentence); n > maxWords {
				long = append(long, fmt.Sprintf("%d: %d words: %s", b.line, n, strings.TrimSpace(sentence)))
			}
		}
	}
	return long
}

func TestSentencesOfDocsAreShort(t *testing.T) {
	t.Parallel()
	for _, path := range pages(t) {
		for _, long := range longSentences(read(t, path)) {
			t.Errorf("%s:%s", path, long)
		}
	}
}

func TestLongSentencesAreFound(t *testing.T) {
	t.Parallel()
	thirty := strings.TrimSpace(strings.Repeat("word ", maxWords))
	tests := map[string]struct {
		page string
		want int
	}{
		"30 words are allowed":             {thirty + ".", 0},
		"31 words are too many":            {thirty + " more.", 1},
		"a sentence may span lines":        {"first " + strings.ReplaceAll(thirty, " ", "\n") + ".", 1},
		"two sentences are counted apart":  {thirty + ". " + thirty + ".", 0},
		"a list item ends a sentence":      {"- " + thirty + "\n- " + thirty, 0},
		"inline code is one word":          {thirty[:len(thirty)-5] + " `a b c`.", 0},
		"the target of a link is no word":  {thirty[:len(thirty)-5] + " [word](a b c).", 0},
		"code blocks are not read":         {"```\n" + thirty + " more.\n```", 0},
		"tables are not read":              {"| " + thirty + " more. |", 0},
		"a paragraph after code is read":   {"```\ncode\n```\n" + thirty + " more.", 1},
		"a continued list item is read":    {"- word\n  " + thirty, 1},
		"an indented code block is unread": {"\n    " + thirty + " more\n", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Len(t, longSentences(test.page), test.want)
		})
	}
}
