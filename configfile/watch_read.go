package configfile

import (
	"context"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"
)

// BlockedError reports a source that has not returned in time.
type BlockedError struct {
	// Source is the name of the layer that the source returned before. It is "source 2" for
	// the second source if that has not returned a layer.
	Source string
	// Since is when the watcher began to read the sources.
	Since time.Time
}

// Error names the source. The text stays the same while the source blocks.
func (e *BlockedError) Error() string {
	return fmt.Sprintf("%s: found no result after %v; want a file or a source that can be read at once", e.Source, readLimit)
}

// pendingRead is a read of all sources. It has a goroutine of its own, since a source may never return.
type pendingRead struct {
	began  time.Time
	at     atomic.Int64  // the index of the source that is being read
	done   chan struct{} // closed when result is complete
	result reading       // one element for each source
}

// read reads the sources. If an earlier read is unfinished, read waits for it. Then it returns the
// result of that read if unfinished is true, or else reads the sources again. The error is a
// *BlockedError or that of ctx.
func (w *Watcher) read(ctx context.Context, unfinished bool) (reading, error) {
	if before := w.current; before != nil {
		result, err := w.await(ctx, before)
		if err != nil {
			return nil, err
		}
		w.current = nil
		if unfinished {
			return result, nil
		}
	}
	w.current = &pendingRead{began: time.Now(), done: make(chan struct{}), result: make(reading, len(w.sources))}
	go w.current.run(w.sources)
	result, err := w.await(ctx, w.current)
	if err == nil {
		w.current = nil
	}
	return result, err
}

// await waits for a read until ctx ends, or until readLimit has passed since the read began.
func (w *Watcher) await(ctx context.Context, p *pendingRead) (reading, error) {
	select {
	case <-p.done:
		return p.result, nil
	default:
	}
	limit := time.NewTimer(time.Until(p.began.Add(readLimit)))
	defer limit.Stop()
	select {
	case <-p.done:
		return p.result, nil
	case <-limit.C:
		return nil, &BlockedError{w.name(int(p.at.Load())), p.began}
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for %s: %w", w.name(int(p.at.Load())), ctx.Err())
	}
}

func (p *pendingRead) run(sources []Source) {
	defer close(p.done)
	for i, source := range sources {
		p.at.Store(int64(i))
		p.result[i] = call(i, source)
	}
}

// call calls a source. A panic becomes its error.
func call(i int, source Source) (result sourceResult) {
	defer func() {
		if p := recover(); p != nil {
			result = sourceResult{err: fmt.Errorf("source %d: panicked with a %T", i+1, p)}
		}
	}()
	result.layer, result.err = source()
	return result
}

// equal reports whether two readings have the same layers and error texts. Comparing is fast for the
// sources of this package, since they return the same maps for the same text.
func (r reading) equal(other reading) bool {
	if len(r) != len(other) {
		return false
	}
	for i := range r {
		if text(r[i].err) != text(other[i].err) || !reflect.DeepEqual(r[i].layer, other[i].layer) {
			return false
		}
	}
	return true
}

// changed returns the indexes of the sources whose results differ from those in before.
func (r reading) changed(before reading) []int {
	var list []int
	for i := range r {
		if len(before) != len(r) || !r[i:i+1].equal(before[i:i+1]) {
			list = append(list, i)
		}
	}
	return list
}

// text returns the text of err, or "" if it is nil.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// learnNames keeps the names of the layers, so that a later BlockedError can name its source.
func (w *Watcher) learnNames(r reading) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range r {
		if name := r[i].layer.Name; name != "" {
			w.names[i] = name
		}
	}
}

// name returns the name of the layer of a source, or "source 1" if the first one has not returned a layer.
func (w *Watcher) name(i int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.names[i] != "" {
		return w.names[i]
	}
	return fmt.Sprintf("source %d", i+1)
}
