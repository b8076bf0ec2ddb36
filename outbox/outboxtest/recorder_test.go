package outboxtest_test

import (
	"testing"

	"github.com/signalcast/signalcast/outbox/outboxtest"
	"github.com/signalcast/signalcast/test/recorder"
)

// check runs a case and returns whether it failed, and what it reported.
func check(t *testing.T, c outboxtest.Case, h outboxtest.Harness) (failed bool, log string) {
	t.Helper()
	return recorder.Run(t, func(tb testing.TB) { c.Run(tb, h) })
}
