package configfile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/signalcast/signalcast"
)

// Environment variables with the names of settings of the Open edX event bus.
const (
	// ProducerConfigVariable holds a whole configuration in JSON.
	ProducerConfigVariable = "EVENT_BUS_PRODUCER_CONFIG"
	// TopicPrefixVariable holds the topic prefix.
	TopicPrefixVariable = "EVENT_BUS_TOPIC_PREFIX"
)

// MaxBytes is the size of the largest text in YAML or TOML: 256 KiB, enough for some thousand topics.
// The time that the parsers need grows with the square of the size. The limit for JSON is
// [signalcast.MaxConfigBytes].
const MaxBytes = 256 << 10

// Source reads one layer. The layer has a name for messages and, if possible, positions.
//
// A source that finds problems returns a [*signalcast.ValidationError] beside the valid part of the
// layer, so that [Load] can find further problems. Load ignores a layer with any other error.
type Source func() (signalcast.Layer, error)

// File returns a source that reads a file. The extension selects the language: .json, .yaml, .yml or
// .toml, in upper or lower case.
func File(name string) Source {
	return func() (signalcast.Layer, error) {
		parse, limit := signalcast.ParseLayer, signalcast.MaxConfigBytes
		switch ending := strings.ToLower(filepath.Ext(name)); ending {
		case ".json":
		case ".yaml", ".yml":
			parse, limit = ParseYAML, MaxBytes
		case ".toml":
			parse, limit = ParseTOML, MaxBytes
		case "", ".":
			return signalcast.Layer{}, fmt.Errorf("%s: found no extension; want .json, .yaml, .yml or .toml", name)
		default:
			return signalcast.Layer{}, fmt.Errorf("%s: found the extension %q; want .json, .yaml, .yml or .toml", name, ending)
		}
		file, err := os.Open(name) //nolint:gosec // the caller names the file
		if err != nil {
			return signalcast.Layer{}, err //nolint:wrapcheck // names the file
		}
		defer func() { _ = file.Close() }()                           // read only: nothing can be lost
		text, err := io.ReadAll(io.LimitReader(file, int64(limit)+1)) // the parser rejects one byte more
		if err != nil {
			return signalcast.Layer{}, err //nolint:wrapcheck // names the file
		}
		return parse(name, text)
	}
}

// Environment returns a source that reads JSON from an environment variable. A variable that is
// empty or not set is an empty configuration.
func Environment(variable string) Source {
	return func() (signalcast.Layer, error) {
		text := os.Getenv(variable) //nolint:forbidigo // reading the environment is this package's job
		if text == "" {
			return signalcast.Layer{Name: variable}, nil
		}
		return signalcast.ParseLayer(variable, []byte(text))
	}
}

// Layer returns a source for a configuration that the program already has.
func Layer(l signalcast.Layer) Source {
	return func() (signalcast.Layer, error) { return l, nil }
}

// TopicPrefix returns the value of the environment variable EVENT_BUS_TOPIC_PREFIX, for
// [signalcast.WithTopicPrefix]. It is empty if the variable is not set.
func TopicPrefix() string {
	return os.Getenv(TopicPrefixVariable) //nolint:forbidigo // reading the environment is this package's job
}
