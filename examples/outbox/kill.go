package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"time"
)

// killSelf starts the program again and kills it, as often as the settings say.
func (s settings) killSelf(ctx context.Context, out io.Writer) error {
	for range s.kill {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		child := exec.CommandContext(ctx, self, "-dir", s.dir, "-postgres", s.postgres, "-redis", s.redis, "-n", "1000000") //nolint:gosec // the program itself
		child.Stderr = os.Stderr
		if err := child.Start(); err != nil {
			return err
		}
		time.Sleep(100*time.Millisecond + rand.N(400*time.Millisecond)) //nolint:gosec // no secret
		if err := child.Process.Kill(); err != nil {
			return err
		}
		if err := child.Wait(); err == nil || child.ProcessState.Exited() {
			return errors.Join(errors.New("the program ended before it was killed"), err)
		}
	}
	if s.kill > 0 {
		fmt.Fprintf(out, "killed %d times\n", s.kill)
	}
	return nil
}
