// Package backendkit has the parts that most backends need, so that a
// [signalcast.Backend] of your own holds only what its broker needs.
//
// [Queue] is a whole backend without the broker. It accepts messages into a bounded buffer,
// gives them in order to one write function, retries, flushes and closes. A backend that
// embeds a Queue adds Prepare and the write function:
//
//	type Backend struct {
//		*backendkit.Queue
//		client *client
//	}
//
//	func New(c Config) (*Backend, error) {
//		b := &Backend{client: connect(c)}
//		var err error
//		b.Queue, err = backendkit.NewQueue(backendkit.QueueConfig{}, b.write)
//		return b, err
//	}
//
//	func (b *Backend) write(ctx context.Context, batch []*backendkit.Item) error {
//		for _, e := range batch {
//			if err := b.client.send(ctx, e.Message); err != nil {
//				return err // e and those behind it are retried
//			}
//			e.Delivered(signalcast.Receipt{})
//		}
//		return nil
//	}
//
// A backend with several writers uses the parts of the Queue: [Buffer] bounds what is
// accepted, [Backoff] paces retries, [CloseOnce] makes Close idempotent, and [Log] keeps a
// panicking logger or callback from ending the process.
//
// Package backends/backendtest checks the result.
package backendkit
