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

// operatorTexts counts the error texts that an operator sees during a fault. It is safe for concurrent use.
type operatorTexts struct {
	mu     sync.Mutex
	counts map[string]map[string]int // by place and text
}

// The places where an operator sees a text.
const (
	inHealth = "`Health`"
	inStatus = "`Status` of the consumer"
	inEvents = "failed events"
)

// watch reads the troubles of a dispatcher, and of a consumer unless it is nil, every 20 ms until stop is called.
func (o *operatorTexts) watch(d *signalcast.Dispatcher, c *consume.Consumer) (stop func()) {
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
			o.addAll(inHealth, d.Health().Troubles)
			if c != nil {
				o.addAll(inStatus, c.Status().Troubles)
			}
		}
	})
	return func() {
		close(ending)
		ended.Wait()
	}
}

func (o *operatorTexts) addAll(place string, troubles []signalcast.Trouble) {
	for _, trouble := range troubles {
		o.add(place, trouble.Err)
	}
}

// failed adds the error of an event, without the part that names the event.
func (o *operatorTexts) failed(err error) {
	var delivery *signalcast.DeliveryError
	if errors.As(err, &delivery) {
		err = delivery.Err
	}
	o.add(inEvents, err)
}

func (o *operatorTexts) add(place string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.counts == nil {
		o.counts = map[string]map[string]int{}
	}
	if o.counts[place] == nil {
		o.counts[place] = map[string]int{}
	}
	o.counts[place][err.Error()]++
}

// mostFrequent returns the two most frequent texts in a place, or fewer if there are fewer.
func (o *operatorTexts) mostFrequent(place string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	texts := slices.SortedFunc(maps.Keys(o.counts[place]), func(a, b string) int {
		return cmp.Or(cmp.Compare(o.counts[place][b], o.counts[place][a]), cmp.Compare(a, b))
	})
	return texts[:min(2, len(texts))]
}

// operatorText is a cell with a text, and the place where an operator sees it.
type operatorText struct{ Place, Text string }

// Texts returns the most frequent texts in each place.
func (r hostResult) Texts() (all []operatorText) {
	for _, place := range []string{inHealth, inStatus, inEvents} {
		for _, text := range r.texts.mostFrequent(place) {
			all = append(all, operatorText{place, codeCell(text)})
		}
	}
	return all
}

// codeCell returns a text as code in a cell of a table.
func codeCell(text string) string { return "`" + strings.ReplaceAll(text, "|", "\\|") + "`" }
