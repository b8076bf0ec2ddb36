package redis_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fake is a small Redis with streams and transactions that misbehaves on demand. It can be
// configured to recognise repeated XADDs.
type fake struct {
	listener   net.Listener
	idempotent bool
	groups     string // the reply to XINFO GROUPS
	// misbehave is called before each command is executed. Nil means no faults.
	misbehave func(command []string) fault

	mu       sync.Mutex
	conns    []net.Conn
	names    []string                // of all commands that arrived
	commands [][]string              // all executed commands, without the handshake
	streams  map[string][]string     // event data by stream
	seen     map[string][]repeatable // by stream and producer
	entries  int
}

// repeatable is an XADD that the fake recognises when it is repeated.
type repeatable struct{ number, entry string }

// recognised is how many XADDs of each producer Redis recognises by default.
const recognised = 100

// fault is what a fake does instead of its work.
type fault struct {
	reply     string // sent instead of executing the command, unless empty
	cutBefore bool   // the connection is closed before the command is executed
	cutAfter  bool   // the connection is closed after the command was executed, without a reply
	hang      bool   // nothing more is executed or sent on this connection
	// waits delays the fault until the next command has arrived.
	waits bool
}

func startFake(t testing.TB, f *fake) *fake {
	t.Helper()
	listener := listen(t)
	f.listener = listener
	f.streams, f.seen = map[string][]string{}, map[string][]repeatable{}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns = append(f.conns, conn)
			f.mu.Unlock()
			serving.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		f.mu.Lock()
		for _, conn := range f.conns {
			_ = conn.Close()
		}
		f.mu.Unlock()
		serving.Wait()
	})
	return f
}

func (f *fake) url() string { return "redis://" + f.listener.Addr().String() }

// values returns the event data of the stream's entries.
func (f *fake) values(stream string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.streams[stream])
}

// asked returns the number of commands of the given name that arrived, executed or not.
func (f *fake) asked(name string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, other := range f.names {
		if other == name {
			n++
		}
	}
	return n
}

// received returns the executed commands of the given name.
func (f *fake) received(name string) [][]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.commands), func(c []string) bool { return c[0] != name })
}

func (f *fake) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in, out := bufio.NewReader(conn), bufio.NewWriter(conn)
	var transaction [][]string // nil outside of one
	aborted := false
	for {
		command, err := readCommand(in)
		if err != nil {
			return
		}
		f.mu.Lock()
		f.names = append(f.names, command[0])
		f.mu.Unlock()
		var does fault
		if f.misbehave != nil {
			does = f.misbehave(command)
		}
		if does.waits {
			_, _ = in.Peek(1)
		}
		reply := does.reply
		switch {
		case does.cutBefore:
			return
		case does.hang:
			_, _ = io.Copy(io.Discard, in)
			return
		case reply != "":
			aborted = aborted || transaction != nil
		case command[0] == "MULTI":
			reply, transaction, aborted = "+OK\r\n", [][]string{}, false
		case command[0] == "EXEC" && transaction == nil:
			reply = "-ERR EXEC without MULTI\r\n"
		case command[0] == "EXEC" && aborted:
			reply, transaction = "-EXECABORT Transaction discarded because of previous errors.\r\n", nil
		case command[0] == "EXEC":
			replies := make([]string, len(transaction))
			for i, c := range transaction {
				replies[i] = f.execute(c)
			}
			reply, transaction = fmt.Sprintf("*%d\r\n", len(replies))+strings.Join(replies, ""), nil
		case transaction != nil:
			transaction, reply = append(transaction, command), "+QUEUED\r\n"
		default:
			reply = f.execute(command)
		}
		if does.cutAfter {
			return
		}
		_, _ = out.WriteString(reply)
		if in.Buffered() == 0 && out.Flush() != nil || command[0] == "QUIT" {
			_ = out.Flush()
			return
		}
	}
}

func (f *fake) execute(command []string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commands = append(f.commands, command)
	switch command[0] {
	case "QUIT":
		return "+OK\r\n"
	case "COMMAND":
		if f.idempotent {
			return "*2\r\n*1\r\n$7\r\nxcfgset\r\n*-1\r\n"
		}
		return "*2\r\n*-1\r\n*-1\r\n"
	case "XADD":
		producer, number := "", ""
		if command[2] == "IDMP" {
			producer, number = command[1]+" "+command[3], command[4]
		}
		for _, known := range f.seen[producer] {
			if known.number == number && number != "" {
				return fmt.Sprintf("$%d\r\n%s\r\n", len(known.entry), known.entry)
			}
		}
		f.entries++
		id := fmt.Sprintf("1-%d", f.entries)
		f.streams[command[1]] = append(f.streams[command[1]], command[len(command)-1])
		f.seen[producer] = append(f.seen[producer], repeatable{number, id})
		if len(f.seen[producer]) > recognised {
			f.seen[producer] = f.seen[producer][1:]
		}
		return fmt.Sprintf("$%d\r\n%s\r\n", len(id), id)
	case "type":
		return "+stream\r\n"
	case "xlen":
		return fmt.Sprintf(":%d\r\n", len(f.streams[command[1]]))
	case "xinfo":
		return f.groups
	default: // includes HELLO, which the client can do without
		return fmt.Sprintf("-ERR unknown command '%s'\r\n", command[0])
	}
}

func readCommand(in *bufio.Reader) ([]string, error) {
	count, err := readLength(in, '*')
	if err != nil {
		return nil, err
	}
	command := make([]string, count)
	for i := range command {
		size, err := readLength(in, '$')
		if err != nil {
			return nil, err
		}
		text := make([]byte, size+2)
		if _, err := io.ReadFull(in, text); err != nil {
			return nil, err
		}
		command[i] = string(text[:size])
	}
	return command, nil
}

func readLength(in *bufio.Reader, kind byte) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, fmt.Errorf("got %q, want a %c", line, kind)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
