package signalcast_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

func TestNewUUIDHasVersion7AndTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		<-time.After(1234567 * time.Nanosecond) // 1 ms and 234567/1000000 of the next
		id := signalcast.NewUUID()
		ms := int64(0)
		for _, b := range id[:6] {
			ms = ms<<8 | int64(b)
		}
		require.Equal(t, time.Now().UnixMilli(), ms)
		require.Equal(t, byte(7), id[6]>>4, "the version")
		require.Equal(t, 234567*4096/1000000, int(id[6]&0xf)<<8|int(id[7]), "the fraction of the millisecond")
		require.Equal(t, byte(0b10), id[8]>>6, "the variant")
	})
}

func TestUUIDsOfLaterTimesAreGreater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		last := signalcast.NewUUID()
		for range 10_000 {
			<-time.After(250 * time.Nanosecond)
			next := signalcast.NewUUID()
			require.Less(t, last.String(), next.String())
			last = next
		}
	})
}

func TestUUIDsOfOneTimeDiffer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		seen := map[signalcast.UUID]bool{}
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for range 1000 {
					id := signalcast.NewUUID()
					mu.Lock()
					seen[id] = true
					mu.Unlock()
				}
			})
		}
		group.Wait()
		require.Len(t, seen, 8000)
	})
}

func TestUUIDTextRoundTrips(t *testing.T) {
	t.Parallel()
	const text = "0198a2f3-4b5c-7d6e-8f70-112233445566"
	id, err := signalcast.ParseUUID(text)
	require.NoError(t, err)
	require.Equal(t, signalcast.UUID{0x01, 0x98, 0xa2, 0xf3, 0x4b, 0x5c, 0x7d, 0x6e, 0x8f, 0x70, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66}, id)
	require.Equal(t, text, id.String())
	appended, err := id.AppendText([]byte("id="))
	require.NoError(t, err)
	require.Equal(t, "id="+text, string(appended))

	upper, err := signalcast.ParseUUID(strings.ToUpper(text))
	require.NoError(t, err)
	require.Equal(t, id, upper)

	encoded, err := json.Marshal(id)
	require.NoError(t, err)
	require.Equal(t, `"`+text+`"`, string(encoded))
	var decoded signalcast.UUID
	require.NoError(t, json.Unmarshal(encoded, &decoded))
	require.Equal(t, id, decoded)
	require.Equal(t, "00000000-0000-0000-0000-000000000000", signalcast.UUID{}.String())
}

func TestParseUUIDRejectsOtherForms(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":            "",
		"no hyphens":         "0198a2f34b5c7d6e8f70112233445566",
		"braces":             "{0198a2f3-4b5c-7d6e-8f70-112233445566}",
		"a misplaced hyphen": "0198a2f34-b5c-7d6e-8f70-112233445566",
		"no first hyphen":    "0198a2f304b5c-7d6e-8f70-112233445566",
		"no second hyphen":   "0198a2f3-4b5c07d6e-8f70-112233445566",
		"no third hyphen":    "0198a2f3-4b5c-7d6e08f70-112233445566",
		"no fourth hyphen":   "0198a2f3-4b5c-7d6e-8f700112233445566",
		"too short":          "0198a2f3-4b5c-7d6e-8f70-11223344556",
		"too long":           "0198a2f3-4b5c-7d6e-8f70-1122334455667",
		"a letter beyond f":  "0198a2f3-4b5c-7d6e-8f70-11223344556g",
		"a URN":              "urn:uuid:0198a2f3-4b5c-7d6e-8f70-112233445566",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := signalcast.ParseUUID(text)
			require.ErrorContains(t, err, "UUID")
			id := signalcast.UUID{1}
			require.Error(t, id.UnmarshalText([]byte(text)))
			require.Equal(t, signalcast.UUID{1}, id, "unchanged after an error")
		})
	}
}
