package outbox

import "fmt"

// Error says which tables were found and how to get those that are needed.
func (e *SchemaError) Error() string {
	if e.Found == 0 {
		return fmt.Sprintf("outbox: found no table %s; want version %d (run signalcast outbox migrate)", e.Table, e.Want)
	}
	return fmt.Sprintf("outbox: found version %d of table %s; want version %d (run signalcast outbox migrate)", e.Found, e.Table, e.Want)
}

// Unwrap returns the error of the database.
func (e *SchemaError) Unwrap() error { return e.Err }
