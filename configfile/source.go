package configfile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/signalcast/signalcast"
)

// The environment variables that the Open edX event bus calls settings.
const (
	// ProducerConfigVariable holds a whole configuration, as JSON.
	ProducerConfigVariable = "EVENT_BUS_PRODUCER_CONFIG"
	// TopicPrefixVariable holds what stands before every topic.
	TopicPrefixVariable = "EVENT_BUS_TOPIC_PREFIX"
)

// MaxBytes is the largest text of YAML or TOML: 256 KiB, room for some thousand
// topics. Their parsers need much memory, and time that grows with the square of
// the text. JSON has [signalcast.MaxConfigBytes].
const MaxBytes = 256 << 10

// MaxPythonBytes is the largest Python settings file: 4 MiB.
const MaxPythonBytes = 4 << 20

// Source is one place that a configuration is read from. It returns a layer
// with a name for messages, and positions where it can.
//
// A source that has read something wrong returns a [*signalcast.ValidationError]
// together with a layer of what is right, so that [Load] can look for further
// problems. With any other error the layer is ignored.
type Source func() (signalcast.Layer, error)

// File reads a file. The ending of its name, in any case, says what it holds:
// .json, .yaml, .yml or .toml.
func File(name string) Source {
	return func() (signalcast.Layer, error) {
		parse, limit := signalcast.ParseLayer, signalcast.MaxConfigBytes
		switch ending := strings.ToLower(filepath.Ext(name)); ending {
		case ".json":
		case ".yaml", ".yml":
			parse, limit = ParseYAML, MaxBytes
		case ".toml":
			parse, limit = ParseTOML, MaxBytes
		default:
			return signalcast.Layer{}, fmt.Errorf("%s: the name ends in %q; allowed are .json, .yaml, .yml and .toml", name, ending)
		}
		file, err := os.Open(name) //nolint:gosec // the file that the caller names
		if err != nil {
			return signalcast.Layer{}, err //nolint:wrapcheck // names the file
		}
		defer func() { _ = file.Close() }()                           // it was only read
		text, err := io.ReadAll(io.LimitReader(file, int64(limit)+1)) // one more, which the parser refuses
		if err != nil {
			return signalcast.Layer{}, err //nolint:wrapcheck // names the file
		}
		return parse(name, text)
	}
}

// Environment reads a whole configuration in JSON from an environment variable.
// A variable that is not set or empty is an empty configuration.
func Environment(variable string) Source {
	return func() (signalcast.Layer, error) {
		text := os.Getenv(variable) //nolint:forbidigo // reading the environment is this package's job
		if text == "" {
			return signalcast.Layer{Name: variable}, nil
		}
		return signalcast.ParseLayer(variable, []byte(text))
	}
}

// Layer is a source for a configuration that the program has already.
func Layer(l signalcast.Layer) Source {
	return func() (signalcast.Layer, error) { return l, nil }
}

// TopicPrefix returns the environment variable EVENT_BUS_TOPIC_PREFIX, for
// [signalcast.WithTopicPrefix]. It is empty when the variable is not set.
func TopicPrefix() string {
	return os.Getenv(TopicPrefixVariable) //nolint:forbidigo // reading the environment is this package's job
}
