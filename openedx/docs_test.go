package openedx_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// signalDoc is what a signal's comment says.
type signalDoc struct {
	keyPaths    []string
	recommended string
}

// signalDocs reads the comments of all signals, by event type.
func signalDocs(t *testing.T) map[string]signalDoc {
	t.Helper()
	eventType := regexp.MustCompile(`(?m)^Event type: (\S+)$`)
	keyPath := regexp.MustCompile(`(?m)^  - (\S+)( \(recommended\))?$`)
	files, err := filepath.Glob("*/signals_gen.go")
	require.NoError(t, err)
	docs := map[string]signalDoc{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, decl := range parsed.Decls {
			variable, ok := decl.(*ast.GenDecl)
			if !ok || variable.Tok != token.VAR {
				continue
			}
			text := variable.Doc.Text()
			found := eventType.FindStringSubmatch(text)
			require.NotNil(t, found, "%s: %s", file, text)
			var doc signalDoc
			for _, match := range keyPath.FindAllStringSubmatch(text, -1) {
				doc.keyPaths = append(doc.keyPaths, match[1])
				if match[2] != "" {
					require.Empty(t, doc.recommended)
					doc.recommended = match[1]
				}
			}
			docs[found[1]] = doc
		}
	}
	return docs
}

func TestTheCommentOfASignalListsKeyPathsThatWork(t *testing.T) {
	t.Parallel()
	docs, registry := signalDocs(t), newRegistry(t)
	require.Len(t, docs, 73)
	for eventType, doc := range docs {
		require.NotEmpty(t, doc.keyPaths, eventType)
		for _, path := range doc.keyPaths {
			config := signalcast.ProducerConfig{
				eventType: {"topic": {EventKeyField: &path, Enabled: new(true)}},
			}
			require.NoError(t, config.Validate(registry))
		}
	}
}

func TestTheCommentOfASignalListsEveryKeyPathThatWorksInTheReference(t *testing.T) {
	t.Parallel()
	docs := signalDocs(t)
	forEach(t, "events", func(t *testing.T, file, eventType string) {
		t.Helper()
		var golden goldenEvents
		readJSON(t, &golden, "events", file)
		for _, sample := range golden.Samples {
			for _, key := range sample.Keys {
				require.Equal(t, key.Error == "", slices.Contains(docs[eventType].keyPaths, key.EventKeyField), key.EventKeyField)
			}
		}
	})
}

func TestTheAnnotatedKeyPathIsRecommendedUnlessTheDataDoesNotHaveIt(t *testing.T) {
	t.Parallel()
	docs := signalDocs(t)
	var wrong []string
	for _, s := range referenceSignals(t) {
		if s.EventKeyField == "" || !s.Serialisable {
			continue
		}
		if !slices.Contains(docs[s.EventType].keyPaths, s.EventKeyField) {
			wrong = append(wrong, s.EventType)
			require.Empty(t, docs[s.EventType].recommended)
			continue
		}
		require.Equal(t, s.EventKeyField, docs[s.EventType].recommended)
	}
	require.Equal(t, []string{
		"org.openedx.authz.role_assignment.created",
		"org.openedx.authz.role_assignment.deleted",
		"org.openedx.content_authoring.course.import.completed.v1",
		"org.openedx.content_authoring.course.rerun.completed.v1",
	}, wrong)
}
