package hosts

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Slow makes the router delay all packets between two hosts and drop some, until heal is called. delay and loss apply to
// each direction. loss is the share of dropped packets, from 0 to 1. The packets take a detour through this process,
// because many kernels lack netem.
func (n *Network) Slow(a, b Host, delay time.Duration, loss float64) (heal func() error, err error) {
	const device, table = "sc-slow", "100"
	tun, err := openTUN(device)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	// A packet that comes back from the device does not match the rule, so it goes on to its host.
	detour := func(change string, from, to Host) error {
		return onRouter(ctx, "rule", change, "iif", from.Name, "to", to.Addr, "lookup", table)
	}
	err = errors.Join(
		onRouter(ctx, "link", "set", device, "up"),
		onRouter(ctx, "route", "add", "default", "dev", device, "table", table),
		detour("add", a, b), detour("add", b, a),
	)
	var forwarding sync.WaitGroup
	forwarding.Go(func() { forward(tun, delay, loss) })
	return func() error {
		err := errors.Join(detour("delete", a, b), detour("delete", b, a), tun.Close())
		forwarding.Wait()
		return err
	}, err
}

// openTUN creates a device of the router whose packets can be read and written as a file.
func openTUN(name string) (*os.File, error) {
	runtime.LockOSThread() // each thread has a namespace of its own
	defer runtime.UnlockOSThread()
	own, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("own namespace: %w", err)
	}
	defer func() { _ = unix.Close(own) }()
	ofRouter, err := unix.Open("/run/netns/"+router, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("namespace of the router: %w", err)
	}
	defer func() { _ = unix.Close(ofRouter) }()
	if err := unix.Setns(ofRouter, unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("enter the namespace of the router: %w", err)
	}
	tun, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err == nil {
		err = attach(tun, name)
	}
	if err := errors.Join(err, unix.Setns(own, unix.CLONE_NEWNET)); err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	return os.NewFile(uintptr(tun), name), nil
}

func attach(tun int, name string) error {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err //nolint:wrapcheck // wrapped by openTUN
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	return unix.IoctlIfreq(tun, unix.TUNSETIFF, request) //nolint:wrapcheck // wrapped by openTUN
}

// forward reads packets from a device and writes them back after a delay. It drops a share of them, loss. It returns when
// the device is closed.
func forward(device *os.File, delay time.Duration, loss float64) {
	type packet struct {
		due  time.Time
		data []byte
	}
	queue := make(chan packet, 10_000)
	var writer sync.WaitGroup
	writer.Go(func() {
		for p := range queue {
			<-time.After(time.Until(p.due))
			_, _ = device.Write(p.data) // TCP sends a lost packet again
		}
	})
	buffer := make([]byte, 1<<16)
	for {
		size, err := device.Read(buffer)
		if err != nil {
			break
		}
		if rand.Float64() >= loss { //nolint:gosec // not a secret
			queue <- packet{time.Now().Add(delay), append([]byte(nil), buffer[:size]...)}
		}
	}
	close(queue)
	writer.Wait()
}
