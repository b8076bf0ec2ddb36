//go:build !unix

package shape_test

import (
	"testing"
	"time"
)

// processorTime returns a time of the clock, since this system needs other calls for the processor time.
func processorTime(*testing.T) time.Duration { return time.Duration(time.Now().UnixNano()) }
