package outboxtest

import (
	"errors"
	"fmt"
	"time"

	"github.com/signalcast/signalcast/outbox"
)

// short is the time of leases that end within a case.
const short = 100 * time.Millisecond

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
			t.until("another holder gets the lease", func() bool {
				_, err := t.Second.Acquire(t.context(), "second", time.Hour)
				return err == nil
			})
			if now := t.status().Now; now.Before(first.Until) {
				t.Fatalf("another holder got the lease at %v; it ended at %v", now, first.Until)
			}
		}},
		{"lease-token", "the token grows with each change of the holder", func(t *trial) {
			last := int64(0)
			for i := range 5 {
				l := t.acquire(t.Store, fmt.Sprint("relay ", i%2), time.Hour)
				if i > 0 && l.Token <= last {
					t.Fatalf("the token of holder %d is %d; want more than %d", i+1, l.Token, last)
				}
				last = l.Token
				t.release(l)
			}
		}},
		{"lease-release", "Release ends the lease, so that another holder gets it", func(t *trial) {
			t.release(t.acquire(t.Store, "first", time.Hour))
			if holder := t.status().Lease.Holder; holder != "" {
				t.Fatalf("after Release, Status returned the holder %q; want none", holder)
			}
			t.acquire(t.Second, "second", time.Hour)
		}},
		{"lease-release-lost", "Release of a lease that is not held any more does nothing", func(t *trial) {
			first := t.acquire(t.Store, "first", time.Hour)
			t.release(first)
			second := t.acquire(t.Second, "second", time.Hour)
			t.release(first)
			if l := t.status().Lease; l.Holder != "second" || l.Token != second.Token {
				t.Fatalf("after Release of an older lease, the lease is %+v; want %+v", l, second)
			}
		}},
		{"lease-race", "of several holders who acquire the lease at once, one gets it", func(t *trial) {
			ctx := t.context()
			for round := range 10 {
				got := make(chan outbox.Lease, 8)
				failed := make(chan error, 8)
				for i := range 8 {
					s := []outbox.Store{t.Store, t.Second}[i%2]
					go func() {
						l, err := s.Acquire(ctx, fmt.Sprint("relay ", round, i), time.Hour)
						if err == nil {
							got <- l
						}
						failed <- err
					}()
				}
				for range 8 {
					if err := <-failed; err != nil && !errors.Is(err, outbox.ErrLeaseLost) {
						t.Fatalf("Acquire: %v", err)
					}
				}
				if len(got) != 1 {
					t.Fatalf("%d holders got the lease at once; want 1", len(got))
				}
				t.release(<-got)
			}
		}},
	}
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
