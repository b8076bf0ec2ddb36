package backendtest_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain runs more tests at once than there are processors: most of them wait for a server or a timeout.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "16"); err != nil { // the flag of the command line wins
		panic(err)
	}
	os.Exit(m.Run())
}
