package tutorial_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"
)

// asCurl is the environment variable that makes the test binary do what the page needs of curl.
const asCurl = "SIGNALCAST_TEST_AS_CURL"

func TestMain(m *testing.M) {
	if os.Getenv(asCurl) == "" {
		os.Exit(m.Run())
	}
	if err := curl(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// curl sends a request: -s [-X METHOD] URL. It waits until the service has started.
func curl(args []string) error {
	method, url := http.MethodGet, args[len(args)-1]
	if args[0] != "-s" {
		return fmt.Errorf("found %q; want -s", args[0])
	}
	if args[1] == "-X" {
		method = args[2]
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, method, "http://"+url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			select {
			case <-ctx.Done():
				return err
			case <-time.After(20 * time.Millisecond):
				continue
			}
		}
		_, err = io.Copy(os.Stdout, response.Body)
		return errors.Join(err, response.Body.Close())
	}
}
