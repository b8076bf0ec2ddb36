//go:build !linux

package hosts

import (
	"errors"
	"time"
)

// Slow needs Linux.
func (n *Network) Slow(_, _ Host, _ time.Duration, _ float64) (heal func() error, err error) {
	return nil, errors.ErrUnsupported
}
