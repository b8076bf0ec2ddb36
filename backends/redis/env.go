package redis

import "strconv"

// ConfigFromEnv returns the Config that the settings of the Open edX event bus describe.
// getenv returns the value of an environment variable, as os.Getenv does, and an empty
// string for one that is not set:
//
//	EVENT_BUS_REDIS_CONNECTION_URL     URL
//	EVENT_BUS_REDIS_STREAM_MAX_LEN     MaxLen, a positive number; -1 for no trimming
//
// The error is a [*ConfigError] for an invalid length. New reports all other faults,
// including a missing URL.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	c := Config{URL: getenv("EVENT_BUS_REDIS_CONNECTION_URL")}
	if text := getenv("EVENT_BUS_REDIS_STREAM_MAX_LEN"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < -1 || n == 0 {
			return Config{}, &ConfigError{
				"MaxLen", "found " + strconv.Quote(text) + " in EVENT_BUS_REDIS_STREAM_MAX_LEN",
				"a positive number, or -1 for no trimming",
			}
		}
		c.MaxLen = n
	}
	return c, nil
}
