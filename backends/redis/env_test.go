package redis_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/backends/redis"
)

func TestConfigFromTheSettingsOfTheEventBus(t *testing.T) {
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
		"a length of nothing":     {url: url, maxLen: "0", problem: `is "0"; allowed are a positive number`},
		"a length below":          {url: url, maxLen: "-2", problem: `is "-2"`},
		"a length in words":       {url: url, maxLen: "many", problem: `is "many"`},
		"a length beyond numbers": {url: url, maxLen: "99999999999999999999", problem: `is "99999999999999999999"`},
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
				require.ErrorContains(t, err, "EVENT_BUS_REDIS_STREAM_MAX_LEN "+c.problem)
				require.NotContains(t, err.Error(), "secret")
			}
			require.Equal(t, c.want, got)
		})
	}
}
