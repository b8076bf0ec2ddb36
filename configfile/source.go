package configfile

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

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
// The caller must not change the layer: a source may return one layer several times. A source must be
// safe for concurrent use.
//
// A source that finds problems returns a [*signalcast.ValidationError] beside the valid part of the
// layer, so that [Load] can find further problems. Load ignores a layer with any other error.
type Source func() (signalcast.Layer, error)

// File returns a source that reads a file. The extension selects the language: .json, .yaml, .yml or
// .toml, in upper or lower case.
func File(name string) Source {
	var last parsed
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
		return last.parse(parse, name, text)
	}
}

// Environment returns a source that reads JSON from an environment variable. A variable that is
// empty or not set is an empty configuration.
func Environment(variable string) Source {
	var last parsed
	return func() (signalcast.Layer, error) {
		text := os.Getenv(variable) //nolint:forbidigo // reading the environment is this package's job
		if text == "" {
			return signalcast.Layer{Name: variable}, nil
		}
		return last.parse(signalcast.ParseLayer, variable, []byte(text))
	}
}

// parsed holds the result of the last text of a source. Parsing costs much more than reading, and a
// watcher reads the same text every second.
type parsed struct {
	mu    sync.Mutex
	known bool
	sum   [sha256.Size]byte
	layer signalcast.Layer
	err   error
}

// parse parses a text, or returns the result of the last call if the text is the same.
func (p *parsed) parse(parse func(string, []byte) (signalcast.Layer, error), name string, text []byte) (signalcast.Layer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sum := sha256.Sum256(text); !p.known || sum != p.sum {
		p.layer, p.err = parse(name, text)
		p.known, p.sum = true, sum
	}
	return p.layer, p.err
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
