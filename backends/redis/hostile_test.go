package redis_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

// password must not be in any text.
const password = "s3cret-passw0rd"

func TestErrorsDoNotContainPasswords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]redis.Config{
		"in the URL":                       {URL: "redis://app:" + password + "@"},
		"in the URL, for the default user": {URL: "redis://:" + password + "@"},
		"in fields":                        {URL: "redis://", Username: "app", Password: password},
		"of a user who does not exist":     {URL: "redis://", Username: "unknown", Password: password},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := miniredis.RunT(t)
			server.RequireUserAuth("app", "another one")
			server.RequireAuth("another one")
			var log safeBuffer
			c.URL += server.Addr()
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
			b := newBackend(t, c)
			err := b.Prepare(t.Context(), []signalcast.Route{{EventType: "e", Topic: "s"}})
			require.ErrorContains(t, err, "rejects the connection")
			f := newFates()
			f.publish(t, b, "s", 1, 10)
			flush(t, b)
			failure := f.failure(t)
			require.Equal(t, signalcast.FateNotWritten, failure.Fate)
			require.NotErrorIs(t, failure, signalcast.ErrDeliveryTimeout, "fails at once")
			for _, text := range []string{err.Error(), failure.Error(), log.String()} {
				require.NotContains(t, text, password)
			}
		})
	}
}

func TestErrorsDoNotContainAQuotedHandshake(t *testing.T) {
	t.Parallel()
	// Redis 5 does not know HELLO. Its error quotes the arguments, which hold the password.
	var quoted atomic.Bool
	server := startFake(t, &fake{misbehave: func(command []string) fault {
		switch strings.ToUpper(command[0]) {
		case "HELLO":
			quoted.Store(slices.Contains(command, password))
			return fault{reply: fmt.Sprintf("-ERR unknown command `HELLO`, with args beginning with: %q\r\n", command[1:])}
		case "AUTH":
			return fault{reply: "-WRONGPASS invalid username-password pair or user is disabled.\r\n"}
		default:
			return fault{reply: "-NOAUTH Authentication required.\r\n"}
		}
	}})
	var log safeBuffer
	b := newBackend(t, redis.Config{
		URL: "redis://app:" + password + "@" + server.listener.Addr().String(), Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	f := newFates()
	f.publish(t, b, "s", 1, 10)
	flush(t, b)
	require.True(t, quoted.Load())
	require.ErrorContains(t, f.failure(t), "WRONGPASS")
	require.NotContains(t, f.failure(t).Error()+log.String(), password)
}

func TestMalformedRepliesEndTheConnection(t *testing.T) {
	t.Parallel()
	line := func(text string) func(net.Conn) { return func(c net.Conn) { _, _ = c.Write([]byte(text)) } }
	for name, answer := range map[string]func(net.Conn){
		"silence":                     func(net.Conn) {},
		"the end of the connection":   func(c net.Conn) { _ = c.Close() },
		"HTTP":                        line("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
		"zero bytes":                  line(strings.Repeat("\x00", 4096)),
		"an alert of TLS":             line("\x15\x03\x01\x00\x02\x02\x28"),
		"answers of the wrong kind":   line(":7\r\n"),
		"too many answers":            line(strings.Repeat("+OK\r\n", 100)),
		"a length that is no number":  line("$many\r\n"),
		"a negative length":           line("*-7\r\n"),
		"a text that never comes":     line("$1000\r\nshort"),
		"an array that never comes":   line("*1000\r\n"),
		"arrays in arrays in arrays":  line(strings.Repeat("*1\r\n", 10_000)),
		"a line that never ends":      func(c net.Conn) { repeat(c, bytes.Repeat([]byte("+"), 1<<10), 0) },
		"one byte after another":      func(c net.Conn) { repeat(c, []byte("+"), time.Millisecond) },
		"an error that quotes itself": line("-ERR " + strings.Repeat("x", 1<<20) + "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log safeBuffer
			b := newBackend(t, redis.Config{
				URL: "redis://app:" + password + "@" + answering(t, answer), DialTimeout: time.Second,
				ReadTimeout: 50 * time.Millisecond, DeliveryTimeout: 300 * time.Millisecond,
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			rejected := b.Prepare(ctx, []signalcast.Route{{EventType: "e", Topic: "s"}})
			require.NoError(t, ctx.Err(), "Prepare did not return")
			f := newFates()
			f.publish(t, b, "s", 1, 10)
			flush(t, b)
			failure := f.failure(t)
			for _, text := range []string{fmt.Sprint(rejected), failure.Error(), log.String()} {
				require.NotContains(t, text, password)
			}
			require.NoError(t, b.Close(ctx))
		})
	}
}

func TestReplyOfInvalidLengthEndsTheConnection(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"COMMAND", "TYPE", "XADD", "EXEC"} {
		for _, reply := range []string{"*9223372036854775807\r\n", "$9223372036854775805\r\n"} {
			t.Run(command+" "+reply[:1], func(t *testing.T) {
				t.Parallel()
				server := startFake(t, &fake{misbehave: during(command, 1, 2, fault{reply: reply})})
				b := newBackend(t, redis.Config{URL: server.url(), ReadTimeout: 200 * time.Millisecond})
				_ = b.Prepare(t.Context(), []signalcast.Route{{EventType: "e", Topic: "s"}})
				f := newFates()
				f.publish(t, b, "s", 1, 20)
				flush(t, b)
				f.requireDelivered(t, 20)
			})
		}
	}
}

func TestUnexpectedReplyIsNotUsedForAnotherMessage(t *testing.T) {
	t.Parallel()
	server := startFake(t, &fake{misbehave: during("XADD", 1, 1, fault{reply: "$3\r\n8-8\r\n$3\r\n9-9\r\n"})})
	b := newBackend(t, redis.Config{URL: server.url()})
	f := newFates()
	for n := range 2 {
		f.publish(t, b, "s", n, n)
		flush(t, b)
	}
	require.Equal(t, map[string]string{"0": "8-8", "1": "1-1"}, f.delivered)
}

func TestServerThatReadsNothingTimesOut(t *testing.T) {
	t.Parallel()
	published, ended := make(chan struct{}), make(chan struct{})
	server := startFake(t, &fake{misbehave: func(command []string) fault {
		switch command[0] {
		case "COMMAND":
			<-published
		case "MULTI":
			<-ended
		}
		return fault{}
	}})
	t.Cleanup(func() { close(ended) })
	b := newBackend(t, redis.Config{URL: server.url(), ReadTimeout: time.Second, DeliveryTimeout: 3 * time.Second})
	f, kept := newFates(), newFates()
	f.publish(t, b, "s", 1, 1)
	require.Eventually(t, func() bool { return server.asked("COMMAND") == 1 }, patience, time.Millisecond)
	kept.publish(t, b, "s", 2, 2)
	large := newMessage("s", 3)
	large.Event.Value = make([]byte, 16<<20)                                              // more than the buffers of the connection hold
	require.NoError(t, b.Publish(t.Context(), large, func(signalcast.Receipt, error) {})) // may fit later, alone
	close(published)
	flush(t, b)
	f.requireDelivered(t, 1)
	var cause *net.OpError
	require.ErrorAs(t, kept.failure(t), &cause)
	require.Equal(t, "write", cause.Op, "the backend does not also wait for a reply")
}

// answering listens until the test ends and writes answer to each connection that sent a
// command. It returns the address.
func answering(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	listener := listen(t)
	ctx, end := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			serving.Go(func() {
				defer stop()
				defer func() { _ = conn.Close() }()
				asked := make([]byte, 64<<10)
				for {
					if _, err := conn.Read(asked); err != nil {
						return
					}
					answer(conn)
				}
			})
		}
	})
	t.Cleanup(func() {
		end()
		_ = listener.Close()
		serving.Wait()
	})
	return listener.Addr().String()
}

// repeat writes text until the connection is closed.
func repeat(c net.Conn, text []byte, every time.Duration) {
	for {
		if _, err := c.Write(text); err != nil {
			return
		}
		if every > 0 {
			<-time.After(every)
		}
	}
}

// blob is the event data of large events.
type blob struct {
	Name string `avro:"name"`
	Data []byte `avro:"data"`
}

func TestEventOf10MiBIsDelivered(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	registry, stored := blobs(t)
	b := newBackend(t, redis.Config{URL: "redis://" + server.Addr(), BufferBytes: 16 << 20})
	dispatch(t, registry, b)
	data := blob{"large", bytes.Repeat([]byte("0123456789abcdef"), 10<<16)}
	require.NoError(t, stored.Send(t.Context(), registry, data))
	entries, err := server.Stream("blobs")
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.True(t, strings.HasSuffix(entries[0].Values[len(entries[0].Values)-1], string(data.Data)), "the data comes last")

	data.Data = append(data.Data, data.Data...)
	require.ErrorIs(t, stored.Send(t.Context(), registry, data), signalcast.ErrTooLarge, "20 MiB never fit into a buffer of 16")
}

func TestDeadLettersOfAKeyOfAnotherTypeAreDelivered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		buffer int
		spare  bool
	}{
		"through the same backend, while there is room":               {10_000, false},
		"through a backend of their own, while the other one is full": {10, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := miniredis.RunT(t)
			registry, stored := blobs(t)
			options := []signalcast.DispatcherOption{signalcast.WithDeadLetter("dead")}
			if c.spare {
				options = append(options, signalcast.WithDeadLetterBackend(newBackend(t, redis.Config{URL: "redis://" + server.Addr()})))
			}
			b := newBackend(t, redis.Config{URL: "redis://" + server.Addr(), BufferMessages: c.buffer})
			d := dispatch(t, registry, b, options...)
			require.NoError(t, server.Set("blobs", "not a stream any more"))
			for range 1000 {
				_, err := stored.SendAsync(t.Context(), registry, blob{Name: "small"})
				require.NoError(t, err)
			}
			require.NoError(t, d.Close(t.Context()))
			entries, err := server.Stream("blobs-dead")
			require.NoError(t, err)
			require.Len(t, entries, 1000)
			require.Equal(t, signalcast.Stats{Accepted: 2000, Delivered: 1000, Failed: 1000, DeadLetters: 1000}, d.Stats())
		})
	}
}

func blobs(t *testing.T) (*signalcast.Registry, *signalcast.Signal[blob]) {
	t.Helper()
	stored := signalcast.NewSignal[blob]("org.example.blob.stored.v1")
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(stored))
	return registry, stored
}

// dispatch publishes blobs to the stream of that name.
func dispatch(t *testing.T, r *signalcast.Registry, b *redis.Backend, opts ...signalcast.DispatcherOption) *signalcast.Dispatcher {
	t.Helper()
	d, err := signalcast.NewDispatcher(t.Context(), r, signalcast.ProducerConfig{
		"org.example.blob.stored.v1": {"blobs": {EventKeyField: new("name"), Enabled: new(true)}},
	}, b, opts...)
	require.NoError(t, err)
	return d
}

// safeBuffer is a buffer that is safe for concurrent use.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
