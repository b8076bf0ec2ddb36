package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// pythonTopic is the topic and the stream that the Python reference sends to.
const pythonTopic = "python-reference"

// python is a process that runs the reference, the Open edX event bus in Python.
type python struct {
	command *exec.Cmd
	orders  io.WriteCloser
	results *bufio.Scanner
}

// startPython installs the reference, which takes minutes the first time, and starts it.
func startPython(ctx context.Context, root, redisURL, brokers, registry string) (*python, error) {
	interpreter, err := output(exec.CommandContext(ctx, filepath.Join(root, "test/reference/setup.sh"))) //nolint:gosec // of the repository
	if err != nil {
		return nil, err
	}
	//nolint:gosec // as above
	p := &python{command: exec.CommandContext(ctx, interpreter, filepath.Join(root, "test/reference/bench_reference.py"),
		"--redis", redisURL, "--brokers", brokers, "--registry", registry, "--topic", pythonTopic,
		"--consumed", consumed)}
	p.command.Stderr = os.Stderr
	if p.orders, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.results = bufio.NewScanner(stdout)
	return p, p.command.Start()
}

// close ends the process and waits for it.
func (p *python) close() error {
	return errors.Join(p.orders.Close(), p.command.Wait())
}

func (p *python) dispatch(_ context.Context, n int) (sample, error) { return p.do("dispatch", n) }
func (p *python) encode(_ context.Context, n int) (sample, error)   { return p.do("encode", n) }
func (p *python) config(_ context.Context, n int) (sample, error)   { return p.do("config", n) }
func (p *python) redis(_ context.Context, n int) (sample, error)    { return p.do("redis", n) }
func (p *python) kafka(_ context.Context, n int) (sample, error)    { return p.do("kafka", n) }
func (p *python) consumeRedis(_ context.Context, n int) (sample, error) {
	return p.do("consume-redis", n)
}

func (p *python) consumeKafka(_ context.Context, n int) (sample, error) {
	return p.do("consume-kafka", n)
}

// do makes the reference do one kind of work n times.
func (p *python) do(work string, n int) (sample, error) {
	if _, err := fmt.Fprintln(p.orders, work, n); err != nil {
		return sample{}, err
	}
	if !p.results.Scan() {
		return sample{}, errors.Join(errors.New("found the Python reference ended"), p.results.Err())
	}
	var cost struct{ Seconds, CPU float64 }
	if err := json.Unmarshal(p.results.Bytes(), &cost); err != nil {
		return sample{}, fmt.Errorf("found %q from the Python reference: %w", p.results.Text(), err)
	}
	each := float64(time.Second) / float64(n)
	return sample{ns: cost.Seconds * each, cpu: cost.CPU * each}, nil
}
