package filebackend

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/signalcast/signalcast"
)

// Line is a message as a line of a file. The bytes of key and value are in base64.
type Line struct {
	Metadata    signalcast.Metadata `json:"metadata"`
	ContentType string              `json:"content_type"`
	// Key is null for a message without a key.
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

// appendLine appends the line of a message to dst.
func appendLine(dst []byte, m *signalcast.Message) ([]byte, error) {
	text, err := json.Marshal(Line{
		Metadata: m.Event.Metadata, ContentType: m.Event.ContentType, Key: m.Key, Value: m.Event.Value,
	})
	if err != nil {
		return dst, fmt.Errorf("line of a file: %w", err)
	}
	return append(append(dst, text...), '\n'), nil
}

// checkTopic accepts what is a plain file name on every system.
func checkTopic(topic string) error {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	if topic == "" || topic[0] == '.' || len(topic) > 200 || strings.Trim(topic, allowed) != "" {
		return fmt.Errorf("topic %q: a file has a name of ASCII letters, digits, '.', '_' and '-', "+
			"at most 200, the first one not a dot", topic)
	}
	return nil
}
