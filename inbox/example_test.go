package inbox_test

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/inbox"
)

// The bus delivers an event twice. The second delivery has no effect.
func ExampleFirst() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:example?mode=memory&cache=shared")
	if err != nil {
		panic(err)
	}
	defer func() { _ = db.Close() }()
	if err := inbox.Migrate(ctx, db); err != nil {
		panic(err)
	}
	if _, err := db.ExecContext(ctx, `create table balance (amount integer); insert into balance values (100)`); err != nil {
		panic(err)
	}

	withdraw := func(ctx context.Context, e signalcast.Event[int]) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // has no effect after Commit
		first, err := inbox.First(ctx, tx, "accounts", e.ID)
		if err != nil || !first {
			return err
		}
		if _, err := tx.ExecContext(ctx, `update balance set amount = amount - $1`, e.Data); err != nil {
			return err
		}
		return tx.Commit()
	}
	event := signalcast.Event[int]{Metadata: signalcast.Metadata{ID: signalcast.NewUUID()}, Data: 30}
	for range 2 {
		if err := withdraw(ctx, event); err != nil {
			panic(err)
		}
	}

	var amount int
	if err := db.QueryRowContext(ctx, `select amount from balance`).Scan(&amount); err != nil {
		panic(err)
	}
	fmt.Println("balance:", amount)
	// Output: balance: 70
}
