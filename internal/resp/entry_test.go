package resp_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/resp"
)

const limit = 1 << 20

func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

// entryText returns an entry as the server sends it.
func entryText(id string, fields ...string) string {
	var b strings.Builder
	b.WriteString("*2\r\n" + bulk(id) + fmt.Sprintf("*%d\r\n", len(fields)))
	for _, f := range fields {
		b.WriteString(bulk(f))
	}
	return b.String()
}

// found is a copy of an entry.
type found struct {
	id     string
	fields []string
}

func copied(e resp.Entry) found {
	f := found{id: string(e.Text[e.ID.Start:e.ID.End])}
	for _, s := range e.Fields {
		f.fields = append(f.fields, string(e.Text[s.Start:s.End]))
	}
	return f
}

// readers returns readers of the same reply: one gets all bytes at once, one gets one byte at a time.
func readers(text string) map[string]*resp.Reader {
	return map[string]*resp.Reader{
		"whole":    resp.NewReader(strings.NewReader(text), limit),
		"one byte": resp.NewReader(iotest.OneByteReader(strings.NewReader(text)), limit),
	}
}

func TestEntriesOfStreams(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 50_000)
	entries := "*4\r\n" + entryText("1-0", "type", "a", "event_data", "\r\n\x00") + "*-1\r\n" + "*2\r\n" + bulk("2-0") + "*-1\r\n" +
		entryText("3-0", "", long)
	want := []found{{"1-0", []string{"type", "a", "event_data", "\r\n\x00"}}, {}, {id: "2-0"}, {"3-0", []string{"", long}}}
	for name, head := range map[string]string{
		"version 2": "*1\r\n*2\r\n" + bulk("orders"),
		"version 3": "%1\r\n" + bulk("orders"),
	} {
		for arrival, r := range readers(head + entries + ":7\r\n") {
			n, err := r.Streams()
			require.NoError(t, err, name, arrival)
			require.Equal(t, len(want), n)
			for i := range n {
				e, err := r.Entry()
				require.NoError(t, err, "%s, %s, entry %d", name, arrival, i)
				if want[i].id == "" {
					require.Nil(t, e.Text)
					continue
				}
				require.Equal(t, want[i], copied(e))
			}
			after, err := r.Int()
			require.NoError(t, err)
			require.EqualValues(t, 7, after)
		}
	}
}

func TestNilHasNoStreams(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"*-1\r\n", "$-1\r\n", "_\r\n"} {
		n, err := resp.NewReader(strings.NewReader(text), limit).Streams()
		require.NoError(t, err)
		require.Zero(t, n)
	}
}

func TestMalformedEntriesAreErrors(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"*3\r\n" + bulk("1-0"),
		"*2\r\n:1\r\n",
		"*2\r\n" + bulk(""),
		"*2\r\n" + bulk(strings.Repeat("1", resp.MaxID+1)),
		"*2\r\n" + bulk("1-0") + "*1\r\n" + bulk("name"),
		"*2\r\n" + bulk("1-0") + "*2\r\n" + bulk("name") + "$-1\r\n",
		"*2\r\n" + bulk("1-0") + "%1\r\n" + bulk("name") + bulk("value"),
		"*2\r\n$3\r\n1-0xx",
		"$99999999999999999999\r\n",
		"*99999999999\r\n",
		"*-2\r\n",
		"+OK\r\n",
		":1\r\n",
		"*2\r\n" + bulk("1-0") + ":1\r\n",
		"*\r\n",
		"*2\n",
		"?2\r\n",
		"\r\n",
		strings.Repeat("x", 100_000),
	} {
		for arrival, r := range readers(text) {
			_, err := r.Entry()
			require.ErrorIs(t, err, resp.ErrProtocol, "%.60q, %s", text, arrival)
		}
	}
}

func TestEndWithinAReplyIsAnError(t *testing.T) {
	t.Parallel()
	text := entryText("1-0", "type", "a")
	for size := range len(text) {
		_, err := resp.NewReader(strings.NewReader(text[:size]), limit).Entry()
		require.ErrorIs(t, err, io.EOF, "%q", text[:size])
	}
}

func TestOtherRepliesAreNoStreams(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		":1\r\n", "+OK\r\n", bulk("a"), "*2\r\n", "*1\r\n*3\r\n", "*1\r\n:1\r\n", "%2\r\n",
		"*1\r\n*2\r\n" + bulk("orders") + "*-1\r\n", "*1\r\n*2\r\n" + bulk("orders") + ":1\r\n",
	} {
		_, err := resp.NewReader(strings.NewReader(text), limit).Streams()
		require.ErrorIs(t, err, resp.ErrProtocol, "%q", text)
	}
}

func TestErrorReplyEndsNothing(t *testing.T) {
	t.Parallel()
	r := resp.NewReader(strings.NewReader("-NOGROUP no\r\n+OK\r\n"), limit)
	_, err := r.Streams()
	require.Equal(t, resp.ReplyError("NOGROUP no"), err)
	require.NoError(t, r.Status())
}

func TestReadsOtherReplies(t *testing.T) {
	t.Parallel()
	r := resp.NewReader(strings.NewReader("*1\r\n*-1\r\n$1\r\na\r\n$1\r\nb\r\n$-1\r\n:12\r\n+OK\r\n:x\r\n"), limit)
	for _, want := range []int{1, -1} {
		n, err := r.Array()
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	for _, want := range []bool{true, false, false} {
		equal, err := r.Equal("a")
		require.NoError(t, err)
		require.Equal(t, want, equal)
	}
	_, err := r.Array()
	require.ErrorIs(t, err, resp.ErrProtocol)
	n, err := r.Int()
	require.NoError(t, err)
	require.EqualValues(t, 12, n)
	require.NoError(t, r.Status())
	_, err = r.Int()
	require.ErrorIs(t, err, resp.ErrProtocol)
}

func TestSkipReadsOneReply(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"+OK\r\n", ":1\r\n", "_\r\n", "$-1\r\n", "#t\r\n", ",1.5\r\n", "(12\r\n", bulk(strings.Repeat("x", 200_000)),
		"=5\r\ntxt:a\r\n", "~1\r\n:1\r\n", "*0\r\n", "%1\r\n+a\r\n*2\r\n:1\r\n" + bulk("x"), entryText("1-0", "a", "b"),
	} {
		for arrival, r := range readers(text + ":5\r\n") {
			require.NoError(t, r.Skip(), "%.30q, %s", text, arrival)
			n, err := r.Int()
			require.NoError(t, err)
			require.EqualValues(t, 5, n)
		}
	}
	nested := strings.Repeat("*1073741823\r\n", 100)
	require.ErrorIs(t, resp.NewReader(strings.NewReader(nested), limit).Skip(), resp.ErrProtocol)
}

func TestEntryThatIsTooLargeIsSkipped(t *testing.T) {
	t.Parallel()
	many := make([]string, 200_000)
	for _, fields := range [][]string{{"event_data", strings.Repeat("x", limit)}, many} {
		for arrival, r := range readers(entryText("1-0", fields...) + entryText("2-0", "a", "b")) {
			e, err := r.Entry()
			require.NoError(t, err, arrival)
			require.True(t, e.TooLarge)
			require.Equal(t, found{id: "1-0"}, copied(e))
			e, err = r.Entry()
			require.NoError(t, err)
			require.False(t, e.TooLarge)
			require.Equal(t, found{"2-0", []string{"a", "b"}}, copied(e))
		}
	}
	_, err := resp.NewReader(strings.NewReader(bulk("x")), 1).Entry()
	require.ErrorIs(t, err, resp.ErrProtocol)
}

// A server cannot make the client allocate memory by announcing lengths.
//
//nolint:paralleltest // it counts allocations
func TestAnnouncedLengthsAllocateNothing(t *testing.T) {
	const runs, most = 100, 80 << 10 // the buffer of a reader is part of it
	for _, text := range []string{"*2\r\n" + bulk("1-0") + "*1000000000\r\n", "*2\r\n" + bulk("1-0") + "*2\r\n$1000000\r\n"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			_, err := resp.NewReader(strings.NewReader(text), limit).Entry()
			require.ErrorIs(t, err, io.EOF)
		}
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(runs*most))
	}
}

//nolint:paralleltest // it counts allocations
func TestReadingEntriesAllocatesNothing(t *testing.T) {
	text := entryText("1-0", "type", "a", "event_data", strings.Repeat("x", 700))
	const runs = 1000
	r := resp.NewReader(strings.NewReader(strings.Repeat(text, runs+2)), limit)
	_, err := r.Entry() // which allocates the buffer
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(runs, func() {
		if _, err := r.Entry(); err != nil {
			t.Error(err)
		}
	}))
}

// FuzzEntries checks that bytes which arrive in pieces give the same entries as bytes that arrive at once, and that an entry
// that is found has the text that was sent.
func FuzzEntries(f *testing.F) {
	f.Add("*1\r\n*2\r\n$1\r\ns\r\n*2\r\n"+entryText("1-0", "a", "b")+entryText("2-0"), 3)
	f.Add("%1\r\n$1\r\ns\r\n*1\r\n"+entryText("1-0", "a", strings.Repeat("x", 3000)), 700)
	f.Add("*-1\r\n", 1)
	f.Add("*1\r\n-NOGROUP no\r\n", 1)
	f.Fuzz(func(t *testing.T, text string, piece int) {
		const limit = 1000
		read := func(from io.Reader) (all []string, err error) {
			r := resp.NewReader(from, limit)
			n, err := r.Streams()
			for i := 0; i < n && err == nil; i++ {
				var e resp.Entry
				if e, err = r.Entry(); err == nil {
					require.LessOrEqual(t, len(e.Text), limit+len("\r\n"))
					all = append(all, fmt.Sprint(copied(e), e.TooLarge, string(e.Text)))
					require.True(t, e.TooLarge || strings.Contains(text, string(e.Text)))
				}
			}
			return all, err
		}
		whole, errWhole := read(strings.NewReader(text))
		parts, errParts := read(&pieces{strings.NewReader(text), max(1, piece)})
		require.Equal(t, whole, parts)
		require.Equal(t, errWhole, errParts)
	})
}

// pieces reads a few bytes at a time.
type pieces struct {
	from io.Reader
	size int
}

func (p *pieces) Read(b []byte) (int, error) { return p.from.Read(b[:min(len(b), p.size)]) }
