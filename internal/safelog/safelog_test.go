package safelog_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/safelog"
)

// panicking panics in the methods that are named.
type panicking struct {
	slog.Handler
	in string
}

func (p panicking) Enabled(ctx context.Context, l slog.Level) bool {
	p.maybe("Enabled")
	return p.Handler.Enabled(ctx, l)
}

func (p panicking) Handle(ctx context.Context, r slog.Record) error {
	p.maybe("Handle")
	return p.Handler.Handle(ctx, r)
}

func (p panicking) WithAttrs(attrs []slog.Attr) slog.Handler {
	p.maybe("WithAttrs")
	return panicking{p.Handler.WithAttrs(attrs), p.in}
}

func (p panicking) WithGroup(name string) slog.Handler {
	p.maybe("WithGroup")
	return panicking{p.Handler.WithGroup(name), p.in}
}

func (p panicking) maybe(method string) {
	if p.in == method {
		panic(method)
	}
}

func TestNewRecoversEveryPanicOfTheHandler(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":          `level=INFO msg=hello a=1 g.b=2` + "\n",
		"Enabled":   "",
		"Handle":    "",
		"WithAttrs": `level=INFO msg=hello g.b=2` + "\n",
		"WithGroup": `level=INFO msg=hello a=1 b=2` + "\n",
	} {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			panics := 0
			handler := slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}})
			logger := safelog.New(slog.New(panicking{handler, in}), func() { panics++ })
			logger.With(slog.Int("a", 1)).WithGroup("g").InfoContext(t.Context(), "hello", slog.Int("b", 2))
			require.Equal(t, want, out.String())
			require.Equal(t, in != "", panics == 1, "%d", panics)
		})
	}
}

func TestNewOfNilDiscards(t *testing.T) {
	t.Parallel()
	require.False(t, safelog.New(nil, nil).Enabled(t.Context(), slog.LevelError))
}
