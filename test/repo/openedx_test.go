package repo_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx"
)

// signalDoc is what the comment of a signal says about its key paths.
type signalDoc struct {
	keyPaths    []string
	recommended string
}

// signalDocs returns the comments of all signals of package openedx, by event type.
func signalDocs(t *testing.T) map[string]signalDoc {
	t.Helper()
	eventType := regexp.MustCompile(`(?m)^Event type: (\S+)$`)
	keyPath := regexp.MustCompile(`(?m)^  - (\S+)( \(recommended\))?$`)
	files, err := filepath.Glob(filepath.Join(root, "openedx", "*", "signals_gen.go"))
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

func TestSignalCommentListsKeyPathsThatWork(t *testing.T) {
	t.Parallel()
	docs, registry := signalDocs(t), signalcast.NewRegistry()
	require.NoError(t, registry.Register(openedx.Signals()...))
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

func TestSignalCommentListsEveryKeyPathThatWorksInTheReference(t *testing.T) {
	t.Parallel()
	docs := signalDocs(t)
	events, err := filepath.Glob(filepath.Join(root, "testdata", "golden", "events", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, events)
	for _, path := range events {
		var golden struct {
			EventType string `json:"event_type"`
			Samples   []struct {
				Keys []struct {
					EventKeyField string `json:"event_key_field"`
					Error         string
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(read(t, path[len(root)+1:])), &golden))
		for _, sample := range golden.Samples {
			for _, key := range sample.Keys {
				require.Equal(t, key.Error == "", slices.Contains(docs[golden.EventType].keyPaths, key.EventKeyField),
					"%s: %s", golden.EventType, key.EventKeyField)
			}
		}
	}
}

func TestAnnotatedKeyPathIsRecommendedIfTheDataHasIt(t *testing.T) {
	t.Parallel()
	docs := signalDocs(t)
	var catalog struct {
		Signals []struct {
			EventType     string `json:"event_type"`
			EventKeyField string `json:"event_key_field"`
			Serialisable  bool
		}
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, "testdata/golden/catalog.json")), &catalog))
	var wrong []string
	for _, s := range catalog.Signals {
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
	require.ElementsMatch(t, []string{
		"org.openedx.authz.role_assignment.created",
		"org.openedx.authz.role_assignment.deleted",
		"org.openedx.content_authoring.course.import.completed.v1",
		"org.openedx.content_authoring.course.rerun.completed.v1",
	}, wrong)
}
