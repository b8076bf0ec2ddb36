package avro_test

import (
	"encoding/hex"
	"math/rand/v2"
	"reflect"
	"testing"

	hamba "github.com/hamba/avro/v2"
	"github.com/stretchr/testify/require"
	twmb "github.com/twmb/avro"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/avro"
	"github.com/signalcast/signalcast/internal/shape"
)

const namespace = "org.example.sample.v1"

// subject is one type with its encoder and those of two other libraries.
type subject struct {
	goType reflect.Type
	shape  *shape.Type
	schema *signalcast.Schema
	hamba  hamba.Schema
	api    hamba.API
	twmb   *twmb.Schema
}

func subjects(tb testing.TB) []subject {
	tb.Helper()
	var all []subject
	for _, goType := range sampleTypes() {
		compiled, err := shape.Compile(goType)
		require.NoError(tb, err)
		text := compiled.Schema(namespace)
		hambaSchema, err := hamba.ParseWithCache(text, "", &hamba.SchemaCache{})
		require.NoError(tb, err)
		twmbSchema, err := twmb.Parse(text)
		require.NoError(tb, err)
		// One block for each list and map, without its size in bytes.
		config := hamba.Config{DisableBlockSizeHeader: true, BlockLength: 1 << 30}
		all = append(all, subject{
			goType: goType,
			shape:  compiled,
			schema: &signalcast.Schema{Name: namespace + ".CloudEvent", Text: text},
			hamba:  hambaSchema,
			api:    config.Freeze(),
			twmb:   twmbSchema,
		})
	}
	return all
}

func TestEncoderAgreesWithTwoOtherLibraries(t *testing.T) {
	t.Parallel()
	for _, s := range subjects(t) {
		t.Run(s.goType.Name(), func(t *testing.T) {
			t.Parallel()
			random := rand.NewChaCha8([32]byte{})
			for range 100 {
				seed := make([]byte, 600)
				_, _ = random.Read(seed)
				s.check(t, seed)
			}
		})
	}
}

func FuzzEncode(f *testing.F) {
	all := subjects(f)
	random := rand.NewChaCha8([32]byte{})
	for i := range all {
		seed := make([]byte, 200)
		_, _ = random.Read(seed)
		f.Add(byte(i), seed)
	}
	f.Fuzz(func(t *testing.T, which byte, seed []byte) {
		all[int(which)%len(all)].check(t, seed)
	})
}

// check makes a value from seed and compares its encodings and decodings.
func (s subject) check(t *testing.T, seed []byte) {
	t.Helper()
	data := reflect.New(s.goType).Elem()
	g := generator{bytes: seed}
	g.singleMaps = g.byte()%2 == 0
	g.fill(data)
	want := plain(data)

	encoded, err := s.shape.AppendAvro(nil, shape.RefOfValue(data))
	require.NoError(t, err)
	s.checkDecoders(t, want, encoded)
	s.checkEncoders(t, want, encoded, g.singleMaps)

	for _, path := range s.shape.KeyPaths() {
		key, err := s.shape.Key(path)
		require.NoError(t, err)
		encoded, err := key.AppendAvro(nil, shape.RefOfValue(data))
		require.NoError(t, err)
		decoded, err := avro.Decode(&signalcast.Schema{Name: key.AvroType(), Text: key.Schema()}, encoded)
		require.NoError(t, err)
		require.Equal(t, exact(field(want, path)), exact(decoded), path)
	}
}

func (s subject) checkDecoders(t *testing.T, want any, encoded []byte) {
	t.Helper()
	decoded, err := avro.Decode(s.schema, encoded)
	require.NoError(t, err)
	require.Equal(t, exact(want), exact(decoded))

	var byTwmb any
	rest, err := s.twmb.Decode(encoded, &byTwmb)
	require.NoError(t, err)
	require.Empty(t, rest)
	require.Equal(t, exact(want), exact(byTwmb))

	var byHamba any
	require.NoError(t, s.api.Unmarshal(s.hamba, encoded, &byHamba))
	require.Equal(t, exact(tagged(s.hamba, want)), exact(byHamba))
}

// checkEncoders compares encoded with the encodings of the other libraries: byte for byte if
// sameBytes is set, and otherwise by the decoded value, since the others write maps in any order.
func (s subject) checkEncoders(t *testing.T, want any, encoded []byte, sameBytes bool) {
	t.Helper()
	byTwmb, err := s.twmb.Encode(want)
	require.NoError(t, err)
	byHamba, err := s.api.Marshal(s.hamba, tagged(s.hamba, want))
	require.NoError(t, err)
	for _, other := range [][]byte{byTwmb, byHamba} {
		if sameBytes {
			require.Equal(t, hex.EncodeToString(encoded), hex.EncodeToString(other))
			continue
		}
		decoded, err := avro.Decode(s.schema, other)
		require.NoError(t, err)
		require.Equal(t, exact(want), exact(decoded))
	}
}
