package repo_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// pages returns the Markdown pages of the repository.
func pages(t *testing.T) []string {
	t.Helper()
	var pages []string
	for _, path := range files(t, ".md") {
		if path != "CHANGELOG.md" { // it describes past versions
			pages = append(pages, path)
		}
	}
	return pages
}

var (
	codeBlock  = regexp.MustCompile("(?ms)^\\s*```.*?^\\s*```")
	linkTarget = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#+ +(.*)$`)
)

func TestLocalLinksHaveTargets(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, page := range append(pages(t), "CHANGELOG.md") {
		for _, link := range linkTarget.FindAllStringSubmatch(codeBlock.ReplaceAllString(read(t, page), ""), -1) {
			if strings.Contains(link[1], "://") || strings.HasPrefix(link[1], "mailto:") {
				continue
			}
			checked++
			file, anchor, _ := strings.Cut(link[1], "#")
			target := page
			if file != "" {
				target = path.Join(path.Dir(page), file)
			}
			_, err := os.Stat(filepath.Join(root, target))
			if err != nil {
				t.Errorf("%s: the target of the link %s does not exist", page, link[1])
			} else if anchor != "" && !hasAnchor(read(t, target), anchor) {
				t.Errorf("%s: %s has no heading for the link %s", page, target, link[1])
			}
		}
	}
	require.Greater(t, checked, 100)
}

// hasAnchor reports whether a page has a heading with the given anchor, in the form of GitHub.
func hasAnchor(page, anchor string) bool {
	for _, h := range heading.FindAllStringSubmatch(codeBlock.ReplaceAllString(page, ""), -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case unicode.IsLetter(r), unicode.IsNumber(r), r == '-', r == '_':
				return unicode.ToLower(r)
			case r == ' ':
				return '-'
			default:
				return -1
			}
		}, h[1])
		if slug == anchor {
			return true
		}
	}
	return false
}

func TestIndexOfDocsLinksEveryPage(t *testing.T) {
	t.Parallel()
	index := read(t, "docs/README.md")
	for _, page := range pages(t) {
		name, isDoc := strings.CutPrefix(page, "docs/")
		if isDoc && name != "README.md" && !strings.HasPrefix(name, "decisions/") && !strings.Contains(index, "("+name+")") {
			t.Errorf("docs/README.md has no link to %s", page)
		}
	}
}

// Docs name tests as evidence.
func TestDocsNameTestsThatExist(t *testing.T) {
	t.Parallel()
	var sources strings.Builder
	for _, file := range files(t, ".go") {
		if strings.HasSuffix(file, "_test.go") {
			sources.WriteString(read(t, file))
		}
	}
	declared := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example|Benchmark)\w*)\(`).FindAllStringSubmatch(sources.String(), -1) {
		declared[match[1]] = true
	}
	named := regexp.MustCompile("`((?:Test|Fuzz|Example_|Benchmark)\\w+)`")
	for _, page := range pages(t) {
		for _, match := range named.FindAllStringSubmatch(read(t, page), -1) {
			if !declared[match[1]] {
				t.Errorf("%s names %s, which does not exist", page, match[1])
			}
		}
	}
}
