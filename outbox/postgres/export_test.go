package postgres

import (
	"context"

	"github.com/signalcast/signalcast"
)

// WriteSQL writes messages as a Unit of JoinSQL does.
func (s *Store) WriteSQL(ctx context.Context, tx Execer, messages []*signalcast.Message) error {
	w, err := s.newWrite(messages)
	if err != nil {
		return err
	}
	return w.exec(ctx, tx)
}
