package postgres

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	failure := func(code, severity, routine string) error {
		return fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code, SeverityUnlocalized: severity, Routine: routine})
	}
	for name, c := range map[string]struct {
		err               error
		earlier, atCommit bool
	}{
		"a lost connection":                {io.ErrUnexpectedEOF, true, true},
		"any other error":                  {errors.New("malformed"), true, true},
		"a serialization failure":          {failure("40001", "ERROR", "r"), false, false},
		"a deferred constraint":            {failure("23503", "ERROR", "r"), false, false},
		"a cancelled statement":            {failure("57014", "ERROR", "r"), false, false},
		"an unknown completion":            {failure("40003", "ERROR", "r"), true, true},
		"a connection failure of a proxy":  {failure("08P01", "FATAL", ""), true, true},
		"a connection failure as an error": {failure("08006", "ERROR", ""), true, true},
		"the end of a proxy":               {failure("57P01", "FATAL", ""), true, true},
		"a terminated backend":             {failure("57P01", "FATAL", "ProcessInterrupts"), false, true},
		"a panic of the server":            {failure("XX000", "PANIC", "r"), false, true},
	} {
		require.Equal(t, c.earlier, unknownOutcome(c.err, false), "%s at an earlier statement", name)
		require.Equal(t, c.atCommit, unknownOutcome(c.err, true), "%s at COMMIT", name)
	}
}
