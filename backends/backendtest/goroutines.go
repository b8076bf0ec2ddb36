package backendtest

import (
	"maps"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"
)

// family is a goroutine and its descendants. Goroutines of other tests that run at the same time are
// not part of it.
//
// The stack of a live goroutine names its parent. The family is sampled often, so that a parent is
// seen before it ends.
type family struct {
	mu      sync.Mutex
	members map[string]bool // by goroutine ID; false for those that may still run
}

// newFamily returns the family of the calling goroutine.
func newFamily() *family {
	own := ownID()
	return &family{members: map[string]bool{own: false}}
}

// join adds the calling goroutine, which may still run at the end.
func (f *family) join() {
	own := ownID()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members[own] = false
}

// grow adds the goroutines that members have started. It returns the stacks of live goroutines that
// must have ended.
func (f *family) grow() (alive []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := goroutines()
	for size := -1; size != len(f.members); {
		size = len(f.members)
		for id, g := range all {
			_, member := f.members[id]
			if _, child := f.members[g.creator]; child && !member {
				f.members[id] = true
			}
		}
	}
	for id := range maps.Keys(all) {
		if f.members[id] {
			alive = append(alive, all[id].stack)
		}
	}
	return alive
}

// wait waits until the family has ended. It returns the stacks of the goroutines that still run.
func (f *family) wait(patience time.Duration) string {
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for timeout := time.After(patience); ; {
		alive := f.grow()
		if len(alive) == 0 {
			return ""
		}
		select {
		case <-look.C:
		case <-timeout:
			return strings.Join(alive, "\n\n")
		}
	}
}

type goroutine struct{ creator, stack string }

var (
	goroutineID = regexp.MustCompile(`^goroutine (\d+) `)
	creatorID   = regexp.MustCompile(`\ncreated by .* in goroutine (\d+)\n`)
)

// ownID returns the ID of the calling goroutine.
func ownID() string {
	buf := make([]byte, 64)
	return goroutineID.FindStringSubmatch(string(buf[:runtime.Stack(buf, false)]))[1]
}

// goroutines returns the stacks of all goroutines by ID.
func goroutines() map[string]goroutine {
	buf := make([]byte, 1<<16)
	n := runtime.Stack(buf, true)
	for n == len(buf) {
		buf = make([]byte, 2*len(buf))
		n = runtime.Stack(buf, true)
	}
	all := map[string]goroutine{}
	for stack := range strings.SplitSeq(string(buf[:n]), "\n\n") {
		name := goroutineID.FindStringSubmatch(stack)
		if name == nil {
			continue
		}
		g := goroutine{stack: stack}
		if at := strings.LastIndex(stack, "\ncreated by "); at >= 0 {
			if by := creatorID.FindStringSubmatch(stack[at:]); by != nil {
				g.creator = by[1]
			}
		}
		all[name[1]] = g
	}
	return all
}
