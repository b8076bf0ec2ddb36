// Package hosts gives each server of a test a host of its own, on one machine. A host is a network namespace, and a router
// connects the hosts. The router can drop, reject, delay and lose packets between two hosts.
//
// The namespaces end with the test, even if it panics or is killed. The package needs Linux, unshare of util-linux, ip of
// iproute2, access to /dev/net/tun, and either root or unprivileged user namespaces.
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

// insideVariable is an environment variable of the process that runs in the namespaces.
const insideVariable = "SIGNALCAST_TEST_HOSTS"

// router is the name of the namespace of the router.
const router = "sc-router"

// Network is a router and the hosts that it connects: Client and those of Add.
type Network struct {
	hosts int
	// Client is the host of the test itself.
	Client Host
}

// Host is a network namespace with an address of its own.
type Host struct {
	// Name is the name of its namespace.
	Name string
	// Addr is its IPv4 address.
	Addr string
}

// Run runs a test in another process of the test binary, in namespaces of its own. It skips the test if the machine does
// not permit such namespaces.
func Run(t *testing.T, test func(t *testing.T, n *Network)) {
	t.Helper()
	if os.Getenv(insideVariable) != "" { //nolint:forbidigo // set by this function
		n, err := newNetwork(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		test(t, n)
		return
	}
	unshare, err := unshareCommand(t.Context())
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
	child.Env = append(os.Environ(), insideVariable+"=1")                                  //nolint:forbidigo // for the test itself
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if err := child.Run(); err != nil {
		t.Errorf("the test in its namespaces: %v", err)
	}
}

// unshareCommand returns a command that runs its arguments in new namespaces, or an error if the machine does not permit
// them. When the command ends, all processes in the namespaces are killed.
func unshareCommand(ctx context.Context) ([]string, error) {
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
		// A host reaches no name server. Without this, each lookup would wait for one, such as the lookup of a broker's own name.
		run(ctx, "mount", "--bind", "/dev/null", "/etc/resolv.conf"),
		run(ctx, "ip", "link", "set", "lo", "up"),
		run(ctx, "ip", "netns", "add", router),
		onRouter(ctx, "link", "set", "lo", "up"),
		run(ctx, "ip", "netns", "exec", router, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"),
	)
	if err != nil {
		return nil, err
	}
	n.Client, err = n.connect(ctx, "client")
	return n, err
}

// Add adds a host until the end of the test. Its name becomes part of the name of a network interface, so it must have at
// most 12 characters.
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

// connect connects a host to the router. The first host is the client, whose namespace is that of this process.
func (n *Network) connect(ctx context.Context, name string) (Host, error) {
	h := Host{Name: "sc-" + name, Addr: fmt.Sprintf("10.83.%d.2", n.hosts)}
	gateway := fmt.Sprintf("10.83.%d.1", n.hosts)
	ip := []string{"ip"}
	if n.hosts > 0 {
		ip = append(ip, "-n", h.Name)
	}
	n.hosts++
	onHost := func(args ...string) error { return run(ctx, slices.Concat(ip, args)...) }
	return h, errors.Join(
		onHost("link", "add", "eth0", "type", "veth", "peer", "name", h.Name, "netns", router),
		onHost("link", "set", "lo", "up"),
		onHost("addr", "add", h.Addr+"/24", "dev", "eth0"),
		onHost("link", "set", "eth0", "up"),
		onRouter(ctx, "addr", "add", gateway+"/24", "dev", h.Name),
		onRouter(ctx, "link", "set", h.Name, "up"),
		onHost("route", "add", "default", "via", gateway),
	)
}

// Command returns a command that runs on the host.
func (h Host) Command(ctx context.Context, command ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", h.Name}, command...)...) //nolint:gosec // of the test
}

// onRouter runs an ip command in the namespace of the router.
func onRouter(ctx context.Context, args ...string) error {
	return run(ctx, append([]string{"ip", "-n", router}, args...)...)
}

func run(ctx context.Context, command ...string) error {
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput() //nolint:gosec // of this package
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, out)
	}
	return nil
}
