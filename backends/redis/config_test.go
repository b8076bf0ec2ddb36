package redis_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/backends/redis"
)

func TestNewReportsEveryFaultOfAConfig(t *testing.T) {
	t.Parallel()
	const url = "redis://localhost"
	tests := map[string]struct {
		config redis.Config
		want   string
	}{
		"a config says where Redis is": {redis.Config{}, "Config.URL: found nothing here and in Addrs"},
		"a URL and addresses are one too many": {
			redis.Config{URL: url, Addrs: []string{"a:1"}}, "Config.Addrs: found addresses beside URL",
		},
		"other schemes are rejected":         {redis.Config{URL: "http://localhost"}, "Config.URL: found an unknown scheme"},
		"a URL has a host":                   {redis.Config{URL: "redis:///0"}, "Config.URL: found no host"},
		"a URL of a socket has a path":       {redis.Config{URL: "unix://"}, "Config.URL: found no path"},
		"a database is a number":             {redis.Config{URL: "redis://h/zero"}, "Config.URL: found a path that is not a number"},
		"two databases are rejected":         {redis.Config{URL: "redis://h/1", DB: 2}, "Config.URL: found another database"},
		"a URL has no parameters":            {redis.Config{URL: "redis://h?max_retries=9"}, "Config.URL: found a query"},
		"a malformed URL is rejected":        {redis.Config{URL: "redis://h:port"}, "Config.URL: found text that is not a URL"},
		"the port of a URL is at most 65535": {redis.Config{URL: "redis://h:99999"}, "Config.URL: found an invalid port"},
		"the port of a URL is not zero":      {redis.Config{URL: "rediss://h:0"}, "Config.URL: found an invalid port"},
		"the port of an address is at most 65535": {
			redis.Config{Addrs: []string{"h:1", "h:99999"}}, "Config.Addrs[1]: found an address of another form; want host:port, with a port from 1 to 65535",
		},
		"the port of an address is a number": {redis.Config{Addrs: []string{"h:abc"}}, "Config.Addrs[0]: found an address of another form"},
		"an address has a host":              {redis.Config{Addrs: []string{":6379"}}, "Config.Addrs[0]: found an address of another form"},
		"an address has a port":              {redis.Config{Addrs: []string{"h"}}, "Config.Addrs[0]: found an address of another form"},
		"a cluster has one database":         {redis.Config{Addrs: []string{"h:1"}, DB: 1}, "Config.DB: found 1 for a Redis Cluster"},
		"Sentinels are in Addrs":             {redis.Config{URL: url, MasterName: "m"}, "Config.MasterName: found a name beside URL"},
		"credentials are in one place":       {redis.Config{URL: "redis://:a@h", Password: "b"}, "Config.URL: found credentials here and in"},
		"Sentinel credentials need a name": {
			redis.Config{Addrs: []string{"h:1"}, SentinelPassword: "x"}, "Config.MasterName: found credentials for Sentinels",
		},
		"a length below -1 is rejected": {redis.Config{URL: url, MaxLen: -2}, "Config.MaxLen: found -2"},
		"a hook that never runs is rejected": {
			redis.Config{URL: url, MaxLen: -1, OnTrim: func(redis.Trim) {}}, "Config.OnTrim: found a function beside MaxLen -1",
		},
		"a negative buffer is rejected":           {redis.Config{URL: url, BufferMessages: -1}, "Config.BufferMessages: found -1"},
		"negative bytes are rejected":             {redis.Config{URL: url, BufferBytes: -1}, "Config.BufferBytes: found -1"},
		"a negative batch is rejected":            {redis.Config{URL: url, BatchMessages: -1}, "Config.BatchMessages: found -1"},
		"negative pipelines are rejected":         {redis.Config{URL: url, Pipelines: -1}, "Config.Pipelines: found -1"},
		"a negative time is rejected":             {redis.Config{URL: url, DeliveryTimeout: -1}, "Config.DeliveryTimeout: found -1ns"},
		"a time given without a unit is rejected": {redis.Config{URL: url, ReadTimeout: 5}, "Config.ReadTimeout: found 5ns"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := redis.New(test.config)
			require.ErrorContains(t, err, test.want)
			var fault *redis.ConfigError
			require.ErrorAs(t, err, &fault)
		})
	}
	t.Run("all faults are reported at once", func(t *testing.T) {
		t.Parallel()
		_, err := redis.New(redis.Config{URL: "http://h", MaxLen: -7, Pipelines: -1, DialTimeout: time.Nanosecond})
		for _, field := range []string{"URL", "MaxLen", "Pipelines", "DialTimeout"} {
			require.ErrorContains(t, err, "Config."+field+": ")
		}
	})
}

func TestPasswordsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	configs := map[string]redis.Config{
		"in the URL":                     {URL: "redis://user:s3cret@127.0.0.1:1/0"},
		"in the URL without a user":      {URL: "rediss://:s3cret@127.0.0.1:1"},
		"in the URL with a slash":        {URL: "redis://user:s3cret/x@127.0.0.1:1/0"},
		"in the URL with a bad escape":   {URL: "redis://user:s3cret%zz@127.0.0.1:1/0"},
		"in the URL with a space":        {URL: "redis://user:s3cret x@127.0.0.1 :1/0"},
		"in the URL, numeric, and slash": {URL: "redis://user:1/s3cret@127.0.0.1:1/0"},
		"as the host of the URL":         {URL: "redis://s3cret:@@127.0.0.1"},
		"in a URL without a scheme":      {URL: "user:s3cret@127.0.0.1"},
		"in the query of the URL":        {URL: "redis://127.0.0.1?password=s3cret"},
		"in its own field":               {URL: "redis://127.0.0.1:1", Password: secret},
		"of the Sentinels":               {Addrs: []string{"127.0.0.1:1"}, MasterName: "m", SentinelPassword: secret},
		"in an address":                  {Addrs: []string{"user:s3cret@127.0.0.1:1"}},
		"in an address without a user":   {Addrs: []string{"s3cret@127.0.0.1:1"}},
		"of a cluster":                   {Addrs: []string{"127.0.0.1:1"}, Password: secret},
	}
	for name, c := range configs {
		t.Run("a password "+name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			c.Logger = slog.New(slog.NewJSONHandler(&log, nil))
			c.DeliveryTimeout = time.Millisecond
			b, err := redis.New(c)
			for _, value := range []any{c, &c, []redis.Config{c}, struct{ C redis.Config }{c}, b, err} {
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
					text := fmt.Sprintf(verb, value)
					require.NotContains(t, text, secret, verb)
					require.NotContains(t, text, fmt.Sprintf("%x", secret), verb)
				}
			}
			encoded, jsonErr := json.Marshal(c)
			require.NoError(t, jsonErr)
			require.NotContains(t, string(encoded), secret)
			slog.New(slog.NewTextHandler(&log, nil)).InfoContext(t.Context(), "config", slog.Any("config", c))
			if err == nil {
				f := newFates()
				f.publish(t, b, "s", 1, 1)
				flush(t, b)
				require.NotContains(t, f.failure(t).Error(), secret)
				require.NoError(t, b.Close(t.Context()))
			}
			require.NotContains(t, log.String(), secret)
		})
	}
}

func TestURLAndFieldsConfigureTheSameClient(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	server.RequireUserAuth("app", "right")
	configs := map[string]redis.Config{
		"all in the URL":                         {URL: "redis://app:right@" + server.Addr() + "/3"},
		"credentials and database in the fields": {URL: "redis://" + server.Addr(), Username: "app", Password: "right", DB: 3},
	}
	for name, c := range configs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t, c)
			f := newFates()
			f.publish(t, b, name, 1, 1)
			flush(t, b)
			f.requireDelivered(t, 1)
			require.True(t, server.DB(3).Exists(name))
		})
	}
}
