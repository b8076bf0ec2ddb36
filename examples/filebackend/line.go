package filebackend

import (
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

func lineOf(m *signalcast.Message) Line {
	return Line{Metadata: m.Event.Metadata, ContentType: m.Event.ContentType, Key: m.Key, Value: m.Event.Value}
}

// checkTopic accepts names that are plain file names on every system.
func checkTopic(topic string) error {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	if topic == "" || topic[0] == '.' || len(topic) > 200 || strings.Trim(topic, allowed) != "" {
		return fmt.Errorf("topic %q: found no file name; want 1 to 200 letters, digits, '.', '_' and '-', the first not a dot", topic)
	}
	return nil
}
