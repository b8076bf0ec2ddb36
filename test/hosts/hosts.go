// Package hosts gives the servers of a test hosts of their own on one machine: network namespaces around a router. The
// router drops, delays and loses packets between two hosts, in one direction or in both.
//
// The namespaces end with the test, also if it is killed or panics, so nothing remains. It needs Linux, unshare of util-linux, ip of iproute2, access to /dev/net/tun, and either root or unprivileged
// user namespaces.
package hosts

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// inside is set in the process that runs in the namespaces.
const inside = "SIGNALCAST_TEST_HOSTS"

// router is the name of the namespace of the router.
const router = "sc-router"

// Network is a router with a host for the test itself, and those that Add has added.
type Network struct {
	hosts int
	// Client is the host of the test.
	Client Host
}

// Host is a network namespace with an address of its own.
type Host struct {
	// Name is the name of its namespace.
	Name string
	// Addr is its IPv4 address.
	Addr string
}

// Run runs a test in namespaces of its own, in another process of the test binary. It skips the test if the machine does
// not permit them.
func Run(t *testing.T, test func(t *testing.T, n *Network)) {
	t.Helper()
	if os.Getenv(inside) != "" { //nolint:forbidigo // set by this function
		n, err := newNetwork(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		test(t, n)
		return
	}
	unshare, err := namespaces(t.Context())
	if err != nil {
		t.Skipf("found no permission for network namespaces (%v); want Linux with iproute2, util-linux and /dev/net/tun, and root or unprivileged user namespaces", err)
	}
	args := append(unshare, os.Args[0], "-test.run=^"+t.Name()+"$")
	flag.Visit(func(f *flag.Flag) {
		if !strings.HasPrefix(f.Name, "test.") || f.Name == "test.v" || f.Name == "test.timeout" {
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
		if f.Name == "test.run" && strings.Contains(f.Value.String(), t.Name()) {
			args = append(args, "-test.run="+f.Value.String()) // it may name subtests
		}
	})
	child := exec.CommandContext(context.WithoutCancel(t.Context()), args[0], args[1:]...) //nolint:gosec // the test itself
	child.Env = append(os.Environ(), inside+"=1")                                          //nolint:forbidigo // for the test itself
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if err := child.Run(); err != nil {
		t.Errorf("the test in its namespaces: %v", err)
	}
}

// namespaces returns the command that runs another one in new namespaces. Processes in them are killed when it ends.
func namespaces(ctx context.Context) ([]string, error) {
	command := []string{"unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"}
	if os.Geteuid() != 0 {
		command = append(command, "--user", "--map-root-user")
	}
	trial := append(slices.Clone(command), "sh", "-ec", `
		: <>/dev/net/tun
		mkdir -p /run/netns
		mount -t tmpfs none /run/netns
		ip netns add sc-try
		ip link add sc-try type veth peer name eth0 netns sc-try
		ip -n sc-try rule add from 10.83.0.2 blackhole`)
	out, err := exec.CommandContext(ctx, trial[0], trial[1:]...).CombinedOutput() //nolint:gosec // of this function
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return command, nil
}

func newNetwork(ctx context.Context) (*Network, error) {
	n := &Network{}
	err := errors.Join(
		os.MkdirAll("/run/netns", 0o755), //nolint:gosec // as ip creates it
		run(ctx, "mount", "-t", "tmpfs", "none", "/run/netns"),
		// No name server can be reached. Without this, each lookup would wait for one, such as that of a broker for its own name.
		run(ctx, "mount", "--bind", "/dev/null", "/etc/resolv.conf"),
		run(ctx, "ip", "link", "set", "lo", "up"),
		run(ctx, "ip", "netns", "add", router),
		run(ctx, "ip", "-n", router, "link", "set", "lo", "up"),
		run(ctx, "ip", "netns", "exec", router, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"),
	)
	if err != nil {
		return nil, err
	}
	n.Client, err = n.connect(ctx, "client")
	return n, err
}

// Add adds a host until the end of the test. The name must have at most 12 characters.
func (n *Network) Add(t testing.TB, name string) Host {
	t.Helper()
	host := Host{Name: "sc-" + name}
	err := run(t.Context(), "ip", "netns", "add", host.Name)
	if err == nil {
		t.Cleanup(func() { _ = run(context.WithoutCancel(t.Context()), "ip", "netns", "delete", host.Name) })
		host, err = n.connect(t.Context(), name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return host
}

// connect connects a namespace to the router. The first one is the client, the namespace of this process.
func (n *Network) connect(ctx context.Context, name string) (Host, error) {
	h := Host{Name: "sc-" + name, Addr: fmt.Sprintf("10.83.%d.2", n.hosts)}
	gateway := fmt.Sprintf("10.83.%d.1", n.hosts)
	in := []string{"ip"}
	veth := []string{"ip", "link", "add", "eth0", "type", "veth", "peer", "name", h.Name, "netns", router}
	if n.hosts > 0 {
		in = append(in, "-n", h.Name)
		veth = []string{"ip", "-n", h.Name, "link", "add", "eth0", "type", "veth", "peer", "name", h.Name, "netns", router}
	}
	n.hosts++
	at := func(args ...string) error { return run(ctx, append(in[:len(in):len(in)], args...)...) }
	return h, errors.Join(
		run(ctx, veth...),
		at("link", "set", "lo", "up"),
		at("addr", "add", h.Addr+"/24", "dev", "eth0"),
		at("link", "set", "eth0", "up"),
		run(ctx, "ip", "-n", router, "addr", "add", gateway+"/24", "dev", h.Name),
		run(ctx, "ip", "-n", router, "link", "set", h.Name, "up"),
		at("route", "add", "default", "via", gateway),
	)
}

// Command returns a command that runs on the host.
func (h Host) Command(ctx context.Context, command ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", h.Name}, command...)...) //nolint:gosec // of the test
}

func run(ctx context.Context, command ...string) error {
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput() //nolint:gosec // of this package
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, out)
	}
	return nil
}
