package memory_test

import (
	"testing"

	"github.com/signalcast/signalcast/outbox/memory"
	"github.com/signalcast/signalcast/outbox/outboxtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	outboxtest.Run(t, outboxtest.Harness{
		New: func(testing.TB) outboxtest.Database {
			s := memory.New()
			return outboxtest.Database{Store: s, Second: s, InTx: s.InTx}
		},
		NoTables: true, NoOverlap: true, NoSchemas: true, NoClose: true,
	})
}
