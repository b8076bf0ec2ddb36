package postgres

import "sync"

// wakeups are the readers of a store, which its commits wake.
type wakeups struct {
	mu      sync.Mutex
	readers map[*reader]struct{}
}

func (w *wakeups) add(r *reader) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.readers == nil {
		w.readers = map[*reader]struct{}{}
	}
	w.readers[r] = struct{}{}
}

func (w *wakeups) remove(r *reader) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.readers, r)
}

func (w *wakeups) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := range w.readers {
		r.wake()
	}
}

func (w *wakeups) closeReaders() {
	w.mu.Lock()
	var readers []*reader
	for r := range w.readers {
		readers = append(readers, r)
	}
	w.mu.Unlock()
	for _, r := range readers {
		r.Close()
	}
}
