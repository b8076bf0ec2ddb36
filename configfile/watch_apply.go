package configfile

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/signalcast/signalcast"
)

// WatchStatus is the state of a [Watcher] at one moment.
type WatchStatus struct {
	// Generation counts the configurations that took effect. The one that the dispatcher was
	// created with is generation 1.
	Generation int
	// LoadedAt is when the configuration in effect was applied. For generation 1, it is the time of Watch.
	LoadedAt time.Time
	// CheckedAt is when all sources last returned.
	CheckedAt time.Time
	// Loaded is the configuration in effect: its layers, the merged configuration and the
	// provenance. All callers share it and must not change it.
	Loaded *Loaded
	// Err is why the configuration of the sources is not in effect, or nil if it is in effect.
	// A [*signalcast.ValidationError] in it has the place of each problem, and a
	// [*BlockedError] names a source that does not return.
	Err error
	// Since is when Err stopped being nil. It is zero if Err is nil.
	Since time.Time
	// RetryAt is when the watcher repeats a failed reload. It is zero if the watcher does not
	// repeat it before the sources change.
	RetryAt time.Time
}

// Status returns the state of the watcher. It does no I/O and never waits for a source.
func (w *Watcher) Status() WatchStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

// backoff is the schedule of a failed reload.
type backoff struct {
	at   time.Time // zero if it is not repeated
	wait time.Duration
}

// next sets the time of the next attempt.
func (b *backoff) next() {
	b.wait = min(max(2*b.wait, minRetry), maxRetry)
	b.at = time.Now().Add(b.wait)
}

func (b *backoff) due() bool { return !b.at.IsZero() && !time.Now().Before(b.at) }

// poll reads the sources, and applies the reading if it equals the one before.
func (w *Watcher) poll(ctx context.Context) {
	now, err := w.read(ctx, true)
	if err != nil {
		w.reportUnread(ctx, err)
		return
	}
	w.noteRead(now)
	stable := now.equal(w.last)
	w.last = now
	if stable && (!now.equal(w.decided) || w.retry.due() || w.blocked()) {
		_ = w.apply(ctx, now) // apply reports it
	}
}

// check reads the sources and applies the reading.
func (w *Watcher) check(ctx context.Context) error {
	now, err := w.read(ctx, false)
	if err != nil {
		w.reportUnread(ctx, err)
		if ctx.Err() != nil {
			return w.interrupted(ctx)
		}
		return err
	}
	w.noteRead(now)
	w.last = now
	return w.apply(ctx, now)
}

// apply applies a reading, unless it is in effect, and reports the result.
func (w *Watcher) apply(ctx context.Context, now reading) error {
	if !now.equal(w.decided) {
		w.retry = backoff{}
	}
	w.decided = now
	loaded, err := merge(w.registry, w.sources, now)
	if err != nil {
		w.retry = backoff{}
		w.reportRejected(ctx, err)
		return err
	}
	before := w.Status().Loaded.read
	if now.equal(before) {
		w.retry = backoff{}
		w.reportSame(ctx)
		return nil
	}
	err = w.reload(ctx, loaded)
	switch {
	case err == nil:
		w.retry = backoff{}
		w.reportApplied(ctx, loaded, now.changed(before))
	case ctx.Err() != nil:
		w.decided = nil // the next poll applies it
		err = w.interrupted(ctx)
	case mayRecover(err):
		w.retry.next()
		w.reportFailed(ctx, err)
	default:
		w.retry = backoff{}
		w.reportRejected(ctx, err)
	}
	return err
}

// reload reloads the dispatcher. The error has the places of problems.
func (w *Watcher) reload(ctx context.Context, loaded *Loaded) error {
	ctx, cancel := context.WithTimeout(ctx, reloadLimit)
	defer cancel()
	_, err := w.dispatcher.Reload(ctx, loaded.Merged)
	return loaded.Provenance.Locate(err) //nolint:wrapcheck // an error of this module
}

// mayRecover reports whether a failed reload may succeed when it is repeated.
func mayRecover(err error) bool {
	_, invalid := errors.AsType[*signalcast.ValidationError](err)
	return !invalid && !errors.Is(err, signalcast.ErrEmptyReload) && !errors.Is(err, signalcast.ErrClosed)
}

// noteRead records the time of a reading and the names of its layers.
func (w *Watcher) noteRead(r reading) {
	w.learnNames(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status.CheckedAt = time.Now()
}

// blocked reports whether the current error is a *BlockedError.
func (w *Watcher) blocked() bool {
	_, blocked := errors.AsType[*BlockedError](w.Status().Err)
	return blocked
}

// reportUnread reports a source that does not return. It reports nothing if ctx has ended.
func (w *Watcher) reportUnread(ctx context.Context, err error) {
	if ctx.Err() == nil && w.setError(err) {
		w.logger.LogAttrs(ctx, slog.LevelWarn, "configuration source does not return, keeping the last configuration", slog.Any("error", err))
	}
}

// reportRejected reports a configuration that is invalid or could not be read.
func (w *Watcher) reportRejected(ctx context.Context, err error) {
	if w.setError(err) {
		w.logger.LogAttrs(ctx, slog.LevelError, "configuration rejected, keeping the last one", slog.Any("error", err))
	}
}

// reportFailed reports a reload that will be repeated.
func (w *Watcher) reportFailed(ctx context.Context, err error) {
	if w.setError(err) {
		w.logger.LogAttrs(ctx, slog.LevelWarn, "configuration not applied, retrying", slog.Any("error", err))
	}
}

// reportSame reports that the configuration of the sources is the one in effect.
func (w *Watcher) reportSame(ctx context.Context) {
	if w.setError(nil) {
		w.logger.LogAttrs(ctx, slog.LevelInfo, "configuration works again")
	}
}

// reportApplied reports a new configuration.
func (w *Watcher) reportApplied(ctx context.Context, loaded *Loaded, changed []int) {
	w.mu.Lock()
	generation := w.status.Generation + 1
	w.status = WatchStatus{Generation: generation, LoadedAt: time.Now(), CheckedAt: w.status.CheckedAt, Loaded: loaded}
	w.mu.Unlock()
	names := make([]string, len(changed))
	for i, source := range changed {
		names[i] = w.name(source)
	}
	w.logger.LogAttrs(ctx, slog.LevelInfo, "configuration sources changed", slog.Int("generation", generation), slog.Any("sources", names))
}

// setError sets the error of the status. It reports whether the text of the error changed.
func (w *Watcher) setError(err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.status.Err
	w.status.Err, w.status.RetryAt = err, w.retry.at
	switch {
	case err == nil:
		w.status.Since = time.Time{}
	case before == nil:
		w.status.Since = time.Now()
	}
	return text(err) != text(before)
}
