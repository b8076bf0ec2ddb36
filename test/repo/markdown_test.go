package repo_test

import (
	"regexp"
	"strings"
)

// block is a paragraph or a list item of a Markdown page, on one line.
type block struct {
	line int // of the page, from 1
	text string
}

var (
	listItem = regexp.MustCompile(`^\s*(?:[-*]|\d+\.)\s+`)
	notProse = regexp.MustCompile(`^\s*(?:#|\||<|!\[)`) // headings, tables, HTML, images
)

// prose returns the paragraphs and list items of a Markdown page: neither code
// blocks nor tables nor headings.
func prose(page string) []block {
	var blocks []block
	open, code := false, false // whether the last block goes on, and whether a line is code
	for i, line := range strings.Split(page, "\n") {
		indented := strings.HasPrefix(line, "    ") && !open
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			code, open = !code, false
		case code, indented:
		case strings.TrimSpace(line) == "", notProse.MatchString(line):
			open = false
		case !open || listItem.MatchString(line):
			blocks = append(blocks, block{i + 1, strings.TrimSpace(listItem.ReplaceAllString(line, ""))})
			open = true
		default:
			blocks[len(blocks)-1].text += " " + strings.TrimSpace(line)
		}
	}
	return blocks
}

var (
	inlineCode  = regexp.MustCompile("`[^`]*`")
	inlineLink  = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	sentenceEnd = regexp.MustCompile(`[.!?]["”)*_]*\s+`)
	word        = regexp.MustCompile(`\pL|\pN`)
)

// sentences splits the text of a block. A piece of inline code is one word.
func sentences(text string) []string {
	text = inlineCode.ReplaceAllString(text, "code")
	text = inlineLink.ReplaceAllString(text, "$1")
	var all []string
	for {
		end := sentenceEnd.FindStringIndex(text)
		if end == nil {
			return append(all, text)
		}
		all, text = append(all, text[:end[1]]), text[end[1]:]
	}
}

// words counts the words of a sentence.
func words(sentence string) int {
	n := 0
	for field := range strings.FieldsSeq(sentence) {
		if word.MatchString(field) {
			n++
		}
	}
	return n
}
