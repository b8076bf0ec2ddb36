package redis_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/backends/redis"
)

func TestConfigFromEnvReadsTheSettingsOfTheEventBus(t *testing.T) {
	t.Parallel()
	const url = "redis://:secret@redis.example:6379/2"
	for name, c := range map[string]struct {
		url, maxLen string
		want        redis.Config
		problem     string
	}{
		"nothing is set":          {},
		"a server":                {url: url, want: redis.Config{URL: url}},
		"a server and a length":   {url: url, maxLen: "500", want: redis.Config{URL: url, MaxLen: 500}},
		"no trimming":             {url: url, maxLen: "-1", want: redis.Config{URL: url, MaxLen: -1}},
		"a length of nothing":     {url: url, maxLen: "0", problem: `"0"`},
		"a length below":          {url: url, maxLen: "-2", problem: `"-2"`},
		"a length in words":       {url: url, maxLen: "many", problem: `"many"`},
		"a length beyond numbers": {url: url, maxLen: "99999999999999999999", problem: `"99999999999999999999"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := redis.ConfigFromEnv(func(name string) string {
				return map[string]string{
					"EVENT_BUS_REDIS_CONNECTION_URL": c.url, "EVENT_BUS_REDIS_STREAM_MAX_LEN": c.maxLen,
				}[name]
			})
			if c.problem == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, "Config.MaxLen: found "+c.problem+" in EVENT_BUS_REDIS_STREAM_MAX_LEN; want a positive number")
				require.NotContains(t, err.Error(), "secret")
			}
			require.Equal(t, c.want, got)
		})
	}
}
