package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"text/tabwriter"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/avro"
)

// report collects the delivered messages.
type report struct {
	mu   sync.Mutex // hooks are called on the backend's goroutines
	rows []row
	errs []error
}

type row struct {
	topic   string
	receipt signalcast.Receipt
	key     []byte
}

// delivered is called by the dispatcher for each delivered message. It copies
// what it needs, because m is valid only until it returns.
func (r *report) delivered(m *signalcast.Message, receipt signalcast.Receipt) {
	key, decodeErr := avro.Decode(m.KeySchema, m.Key)
	text, textErr := json.Marshal(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, decodeErr, textErr)
	r.rows = append(r.rows, row{m.Topic, receipt, text})
}

func (r *report) print(out io.Writer) error {
	slices.SortFunc(r.rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.receipt.Offset, b.receipt.Offset))
	})
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TOPIC\tPARTITION\tOFFSET\tKEY")
	for _, row := range r.rows {
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\n", row.topic, row.receipt.Partition, row.receipt.Offset, row.key)
	}
	return errors.Join(append(r.errs, table.Flush())...)
}
