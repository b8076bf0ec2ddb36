package outboxtest_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/signalcast/signalcast/outbox/outboxtest"
)

// recorder is a test within a test, which may fail without the outer one failing.
// It serves one goroutine.
type recorder struct {
	testing.TB

	failed   bool
	log      strings.Builder
	cleanups []func()
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Failed() bool     { return r.failed }
func (r *recorder) Log(args ...any)  { fmt.Fprintln(&r.log, args...) }
func (r *recorder) Fail()            { r.failed = true }

func (r *recorder) FailNow() {
	r.failed = true
	runtime.Goexit()
}

func (r *recorder) Logf(format string, args ...any) { r.Log(fmt.Sprintf(format, args...)) }

func (r *recorder) Error(args ...any) {
	r.Log(args...)
	r.Fail()
}

func (r *recorder) Errorf(format string, args ...any) { r.Error(fmt.Sprintf(format, args...)) }

func (r *recorder) Fatal(args ...any) {
	r.Log(args...)
	r.FailNow()
}

func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }

// check runs a case and returns whether it failed, and what it reported.
func check(t *testing.T, c outboxtest.Case, h outboxtest.Harness) (failed bool, log string) {
	t.Helper()
	r := &recorder{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			for _, f := range slices.Backward(r.cleanups) {
				f()
			}
		}()
		c.Run(r, h)
	}()
	<-ended
	return r.failed, r.log.String()
}
