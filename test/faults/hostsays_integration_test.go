//go:build integration

package faults_test

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
)

// reports are the texts that an operator sees during a fault. It is safe for concurrent use.
type reports struct {
	mu   sync.Mutex
	seen map[string]map[string]int // by the place, how often each text was seen
}

// The places where an operator sees a text.
const (
	ofHealth   = "`Health`"
	ofConsumer = "`Status` of the consumer"
	ofEvents   = "failed events"
)

// watch reads the troubles of a dispatcher, and of a consumer unless it is nil, until stop is called.
func (r *reports) watch(d *signalcast.Dispatcher, c *consume.Consumer) (stop func()) {
	ending := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ending:
				return
			case <-ticker.C:
			}
			r.addAll(ofHealth, d.Health().Troubles)
			if c != nil {
				r.addAll(ofConsumer, c.Status().Troubles)
			}
		}
	})
	return func() {
		close(ending)
		ended.Wait()
	}
}

func (r *reports) addAll(place string, troubles []signalcast.Trouble) {
	for _, trouble := range troubles {
		r.add(place, trouble.Err)
	}
}

// failed adds the error of an event, without the name of the event.
func (r *reports) failed(err error) {
	var of *signalcast.DeliveryError
	if errors.As(err, &of) {
		err = of.Err
	}
	r.add(ofEvents, err)
}

func (r *reports) add(place string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]map[string]int{}
	}
	if r.seen[place] == nil {
		r.seen[place] = map[string]int{}
	}
	r.seen[place][err.Error()]++
}

// most returns the texts that were seen most often, at most two.
func (r *reports) most(place string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	texts := slices.SortedFunc(maps.Keys(r.seen[place]), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.seen[place][b], r.seen[place][a]), cmp.Compare(a, b))
	})
	return texts[:min(2, len(texts))]
}

// said is a text and where an operator sees it.
type said struct{ Where, Text string }

// Says returns the texts that were seen most often in each place.
func (r hostResult) Says() (all []said) {
	for _, where := range []string{ofHealth, ofConsumer, ofEvents} {
		for _, text := range r.reports.most(where) {
			all = append(all, said{where, inCell(text)})
		}
	}
	return all
}

// inCell returns a text as code in a cell of a table.
func inCell(text string) string { return "`" + strings.ReplaceAll(text, "|", "\\|") + "`" }
