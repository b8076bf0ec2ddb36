package configfile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/closing"
	"github.com/signalcast/signalcast/internal/safelog"
)

// WatchConfig configures a [Watcher]. The zero value is valid.
type WatchConfig struct {
	// Interval is the time between two reads. Zero means 1 s.
	Interval time.Duration
	// Logger logs problems, and the sources that changed. Nil discards everything. The dispatcher
	// logs the routes that a reload changes; see [signalcast.WithLogger].
	Logger *slog.Logger
}

// Limits of a watcher.
const (
	// readLimit is the time after which a source that has not returned is reported.
	readLimit = 5 * time.Second
	// reloadLimit bounds one reload, so that a newer configuration does not wait for a hung backend.
	reloadLimit = 30 * time.Second
	// minRetry is the time until a failed reload is repeated. It doubles with each failure, up to maxRetry.
	minRetry = time.Second
	maxRetry = time.Minute
)

// Watcher reloads a dispatcher when the sources of its configuration change. All methods are safe
// for concurrent use.
type Watcher struct {
	dispatcher *signalcast.Dispatcher
	registry   *signalcast.Registry
	sources    []Source
	logger     *slog.Logger

	stopped context.Context //nolint:containedctx // the life of the goroutines
	stop    context.CancelFunc
	polling chan struct{} // closed when the goroutine has ended
	closing closing.Once

	checking chan struct{} // holds a token during a check, and forever after Close
	// The holder of the token owns these fields.
	current *pendingRead // the read in progress, or nil
	last    reading      // the result of the last read
	decided reading      // the last reading that was applied or rejected
	retry   backoff

	mu     sync.Mutex // guards these fields
	names  []string   // of the layers, by source; empty if unknown
	status WatchStatus
}

// Watch reads the sources of loaded every interval, and reloads d when they have changed. loaded is the
// result of [Load] that d was created with. The caller must close the watcher, before d.
//
// A change takes effect after two equal reads. A file that is being written therefore has no effect, unless
// the writer pauses for longer than the interval.
//
// A configuration that is invalid, or that cannot be read, changes nothing: d keeps the last one. Watch
// logs the problem once, and checks again when the contents change. A reload that fails for another
// reason, such as an unreachable registry, is repeated after 1 s, then at intervals that grow to 1 min.
//
// Watch compares contents, not times or names of files. It therefore sees renamed files, swapped
// symbolic links such as those of a Kubernetes ConfigMap, and changes on network file systems.
//
// A source that does not return is reported after 5 s. It is not called again until it returns.
func Watch(d *signalcast.Dispatcher, loaded *Loaded, c WatchConfig) (*Watcher, error) {
	switch {
	case d == nil:
		return nil, errors.New("watch: found a nil dispatcher; want the one to reload")
	case loaded == nil || len(loaded.sources) == 0:
		return nil, errors.New("watch: found no sources; want the result of Load with at least one source")
	case c.Interval < 0:
		return nil, fmt.Errorf("watch: Interval: found %v; want a positive duration, or 0 for 1s", c.Interval)
	case c.Interval == 0:
		c.Interval = time.Second
	}
	now := time.Now()
	w := &Watcher{
		dispatcher: d, registry: loaded.registry, sources: loaded.sources, logger: safelog.New(c.Logger, nil),
		polling: make(chan struct{}), checking: make(chan struct{}, 1),
		last: loaded.read, names: make([]string, len(loaded.sources)),
		status: WatchStatus{Generation: 1, LoadedAt: now, CheckedAt: now, Loaded: loaded},
	}
	w.learnNames(loaded.read)
	w.stopped, w.stop = context.WithCancel(context.Background())
	go w.run(c.Interval)
	return w, nil
}

// run checks the sources every interval until the watcher stops.
func (w *Watcher) run(interval time.Duration) {
	defer close(w.polling)
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-w.stopped.Done():
			return
		case <-timer.C:
		}
		select {
		case <-w.stopped.Done():
			return
		case w.checking <- struct{}{}:
			w.poll(w.stopped)
			<-w.checking
		}
		timer.Reset(interval)
	}
}

// Check reads the sources now and applies their configuration, without waiting for a second equal read. It
// also repeats a reload that failed. Call it for a signal such as SIGHUP, or for a button of a page.
//
// Check returns nil if the configuration of the sources is in effect. Otherwise it returns the error
// that Status then shows. If it could not check, it returns the error of ctx, or an error that matches
// [signalcast.ErrClosed] if the watcher is closed. ctx also bounds the wait for another check in progress.
func (w *Watcher) Check(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.stopped, cancel)()
	select {
	case w.checking <- struct{}{}:
		defer func() { <-w.checking }()
	case <-ctx.Done():
		return w.interrupted(ctx)
	}
	if w.stopped.Err() != nil || ctx.Err() != nil { // select chooses at random if both cases are ready
		return w.interrupted(ctx)
	}
	return w.check(ctx)
}

var errWatcherClosed = fmt.Errorf("check: watcher is %w", signalcast.ErrClosed)

// interrupted returns the error of a check whose context has ended.
func (w *Watcher) interrupted(ctx context.Context) error {
	if w.stopped.Err() != nil {
		return errWatcherClosed
	}
	return fmt.Errorf("check: %w", ctx.Err())
}

// Close stops watching. It cancels the check in progress and waits for it until ctx ends. It does not
// wait longer than 5 s for a source, and returns a [*BlockedError] then. The goroutine that calls the
// source ends when the source returns. Close does not close the dispatcher. A second Close waits for
// the first and returns the same error.
func (w *Watcher) Close(ctx context.Context) error {
	err := w.closing.Do(ctx, func() error {
		w.stop()
		select {
		case w.checking <- struct{}{}: // never received, so no other check starts
		default: // a check is in progress
			select {
			case w.checking <- struct{}{}:
			case <-ctx.Done():
				return fmt.Errorf("waiting for the check in progress: %w", ctx.Err())
			}
		}
		<-w.polling
		if w.current == nil {
			return nil
		}
		_, err := w.await(ctx, w.current)
		return err
	})
	if err != nil {
		return fmt.Errorf("close watcher: %w", err)
	}
	return nil
}
