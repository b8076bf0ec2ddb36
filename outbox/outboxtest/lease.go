package outboxtest

import (
	"errors"
	"fmt"
	"time"

	"github.com/signalcast/signalcast/outbox"
)

// short is the time of leases that end within a case.
const short = 30 * time.Millisecond

// leaseCases are about Acquire and Release.
func leaseCases() []Case {
	return []Case{
		{"lease-exclusive", "a lease that is held excludes other holders, who get the lease and ErrLeaseLost", func(t *trial) {
			first := t.acquire(t.Store, "first", time.Hour)
			if first.Holder != "first" {
				t.Fatalf("Acquire returned the holder %q; want first", first.Holder)
			}
			for _, s := range []outbox.Store{t.Store, t.Second} {
				l, err := s.Acquire(t.context(), "second", time.Hour)
				if !errors.Is(err, outbox.ErrLeaseLost) {
					t.Fatalf("Acquire for another holder: %v; want ErrLeaseLost", err)
				}
				if l.Holder != "first" || l.Token != first.Token || !l.Until.Equal(first.Until) {
					t.Fatalf("Acquire for another holder returned %+v; want %+v", l, first)
				}
			}
		}},
		{"lease-ttl", "a lease ends ttl from now, by the clock of the database", func(t *trial) {
			before := t.status().Now
			l := t.acquire(t.Store, "first", time.Hour)
			after := t.status().Now
			if l.Until.Before(before.Add(time.Hour)) || l.Until.After(after.Add(time.Hour)) {
				t.Fatalf("the lease ends at %v; want an hour after a time from %v to %v", l.Until, before, after)
			}
		}},
		{"lease-renew", "the holder renews its lease: it ends later, and the token is the same", func(t *trial) {
			first := t.acquire(t.Store, "first", time.Minute)
			again := t.acquire(t.Second, "first", time.Hour)
			if again.Token != first.Token || again.Until.Sub(first.Until) < 58*time.Minute {
				t.Fatalf("the lease %+v became %+v", first, again)
			}
		}},
		{"lease-ends", "another holder gets the lease when it has ended, by the clock of the database, and not before", func(t *trial) {
			first := t.acquire(t.Store, "first", short)
			t.take("second", time.Hour)
			if now := t.status().Now; now.Before(first.Until) {
				t.Fatalf("another holder got the lease at %v; it ended at %v", now, first.Until)
			}
		}},
		{"lease-token", "the token grows with each change of the holder", func(t *trial) {
			last := t.acquire(t.Store, "relay 0", short)
			for i := range 3 {
				next := t.take(fmt.Sprint("relay ", (i+1)%2), short)
				if next.Token <= last.Token {
					t.Fatalf("the token of holder %d is %d; want more than %d", i+2, next.Token, last.Token)
				}
				last = next
			}
		}},
		{"lease-release", "Release ends the lease, so that another holder gets it", func(t *trial) {
			rows := t.storeRows(t.message("key", "value"))
			first := t.acquire(t.Store, "first", time.Hour)
			t.release(first)
			t.requireLost("a released lease", first, rows)
			if holder := t.status().Lease.Holder; holder != "" {
				t.Fatalf("after Release, Status returned the holder %q; want none", holder)
			}
			t.acquire(t.Second, "second", time.Hour)
		}},
		{"lease-release-lost", "Release of a lease that is not held any more does nothing", func(t *trial) {
			first := t.acquire(t.Store, "first", short)
			second := t.take("second", time.Hour)
			t.release(first)
			if l := t.status().Lease; l.Holder != "second" || l.Token != second.Token {
				t.Fatalf("after Release of an older lease, the lease is %+v; want %+v", l, second)
			}
		}},
		{"lease-race", "of several holders who acquire the lease at once, one gets it", func(t *trial) {
			const holders = 16
			ctx := t.context()
			results := make(chan error, holders)
			for i := range holders {
				s := []outbox.Store{t.Store, t.Second}[i%2]
				go func() {
					_, err := s.Acquire(ctx, fmt.Sprint("relay ", i), time.Hour)
					results <- err
				}()
			}
			got := 0
			for range holders {
				switch err := <-results; {
				case err == nil:
					got++
				case !errors.Is(err, outbox.ErrLeaseLost):
					t.Fatalf("Acquire: %v", err)
				}
			}
			if got != 1 {
				t.Fatalf("%d holders got the lease at once; want 1", got)
			}
		}},
	}
}

// take acquires a lease of another holder when it has ended.
func (t *trial) take(holder string, ttl time.Duration) (l outbox.Lease) {
	t.Helper()
	ctx := t.context()
	t.until(holder+" gets the lease", func() bool {
		var err error
		l, err = t.Second.Acquire(ctx, holder, ttl)
		return err == nil
	})
	return l
}

func (t *trial) release(l outbox.Lease) {
	t.Helper()
	if err := t.Store.Release(t.context(), l); err != nil {
		t.Fatalf("Release: %v", err)
	}
}

func (t *trial) status() outbox.Status {
	t.Helper()
	status, err := t.Store.Status(t.context())
	if err != nil {
		t.Fatalf("Status: %v", err)
	}
	return status
}
