package signalcast_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// keeper is a codec that keeps what it encodes.
type keeper struct {
	signalcast.Codec
	kept *[]signalcast.Data
}

func (c keeper) Compile(def signalcast.Definition) (signalcast.Encoder, error) {
	encoder, err := c.Codec.Compile(def)
	return keepingEncoder{encoder, c.kept}, err
}

type keepingEncoder struct {
	signalcast.Encoder
	kept *[]signalcast.Data
}

func (e keepingEncoder) AppendValue(dst []byte, data signalcast.Data) ([]byte, error) {
	*e.kept = append(*e.kept, data)
	return e.Encoder.AppendValue(dst, data)
}

// deepen makes the goroutine's stack grow, and move.
func deepen(n int) int {
	var room [1024]byte
	if n == 0 {
		return len(room)
	}
	return deepen(n-1) + int(room[n%len(room)])
}

func TestCodecMayIgnoreItsData(t *testing.T) {
	t.Parallel()
	type data struct {
		Name string `avro:"name"`
	}
	signal := signalcast.NewSignal[data]("org.example.kept.v1")
	r := signalcast.NewRegistry()
	require.NoError(t, r.Register(signal))
	config := signalcast.ProducerConfig{signal.EventType(): {"t": {EventKeyField: new("name"), Enabled: new(true)}}}
	var kept []signalcast.Data
	_, err := signalcast.NewDispatcher(t.Context(), r, config, discard{}, signalcast.WithCodec(keeper{signalcast.Avro(), &kept}))
	require.NoError(t, err)

	require.NoError(t, signal.Send(t.Context(), r, data{"first"}))
	deepen(1 << 10)
	runtime.GC()
	require.NoError(t, signal.Send(t.Context(), r, data{"second"}))
	require.Equal(t, data{}, kept[0].Value(), "data is valid during the call only")
}
