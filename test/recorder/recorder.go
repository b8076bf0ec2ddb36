// Package recorder runs a test within a test, for the tests of conformance suites.
package recorder

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
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

// Run calls f with a test that may fail without t failing. It returns whether that test failed, and what it
// reported.
func Run(t testing.TB, f func(testing.TB)) (failed bool, log string) {
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
		f(r)
	}()
	<-ended
	return r.failed, r.log.String()
}
