package repo_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// logMethods are the methods of a *slog.Logger, and which argument of each is the
// message. The linter forbids the methods without a context.
var logMethods = map[string]int{
	"LogAttrs": 2, "Log": 2,
	"DebugContext": 1, "InfoContext": 1, "WarnContext": 1, "ErrorContext": 1,
}

// docs/security.md promises that nothing else is logged.
func TestSecurityPageListsEveryLogMessage(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/security.md")
	logged := logMessages(t)
	require.Greater(t, len(logged), 5)
	for message, path := range logged {
		require.Contains(t, page, " | "+message+" | ", "%s logs a message that docs/security.md does not list", path)
	}
}

// logMessages returns the messages that the library logs, each with a file that logs it.
func logMessages(t *testing.T) map[string]string {
	t.Helper()
	messages := map[string]string{}
	for _, path := range files(t, ".go") {
		if strings.HasSuffix(path, "_test.go") || !inLibrary(path) {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				message, found := logMessage(call)
				require.True(t, !found || message != "" || path == franzLogger, "%s logs a message that is not a string literal", path)
				if message != "" {
					messages[message] = path
				}
			}
			return true
		})
	}
	return messages
}

// franzLogger logs the messages of franz-go.
const franzLogger = "backends/franz/logger.go"

// logMessage reports whether a call logs, and returns its message, or "" if that
// is not a string literal.
func logMessage(call *ast.CallExpr) (message string, found bool) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	at, ok := logMethods[method.Sel.Name]
	if !ok || at >= len(call.Args) {
		return "", false
	}
	literal, ok := call.Args[at].(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", true
	}
	message, err := strconv.Unquote(literal.Value)
	return message, err == nil
}

// inLibrary reports whether a file belongs to the packages that run inside a
// service, not to the command, examples or support for tests.
func inLibrary(path string) bool {
	for _, dir := range []string{
		"backends/backendtest", "bench", "cli", "cmd", "examples", "internal/kafkatest", "openedx/internal", "signalcasttest", "test",
	} {
		if strings.HasPrefix(path, dir+"/") {
			return false
		}
	}
	return true
}
