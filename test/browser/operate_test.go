package browser_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// switchOff switches off the routes of an event type.
func (s *service) switchOff(eventType string) error {
	return s.dispatcher.SwitchOff(signalcast.Switch{EventType: eventType, Reason: "the topic is moved", By: "ops"})
}

// A route is switched off and on with the keyboard alone. While it is off, its stream does not grow and the suppressed count rises.
func TestSwitchByKeyboard(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.send(enroll, 5*time.Millisecond)
	stream := s.stream(enroll)
	require.Eventually(t, func() bool { return s.length(stream) > 10 }, patience, 20*time.Millisecond)
	b := open(t, s)
	b.open("route?event_type=" + enroll + "&topic=" + stream)
	b.focus("#reason")
	b.press("an incident")
	b.focus("button.danger")
	b.press("\r")
	b.await("#list", "an incident")
	require.NoError(t, s.dispatcher.Flush(t.Context()))
	length := s.length(stream)

	b.open("")
	b.await("#state", "1 route switched off")
	before := b.figure("suppressed")
	require.Eventually(t, func() bool { return b.figure("suppressed") > before }, patience, 20*time.Millisecond)
	require.Equal(t, length, s.length(stream))

	b.open("switches")
	b.focus(".cards button")
	b.press("\r")
	b.await("#list", "Nothing is switched off.")
	require.Eventually(t, func() bool { return s.length(stream) > length }, patience, 20*time.Millisecond)
}

// Switching off everything requires typing the word "everything".
func TestSwitchOfEverythingNeedsTheWord(t *testing.T) {
	t.Parallel()
	s := startService(t)
	b := open(t, s)
	b.open("switches")
	end := b.expectFaults() // the status of the response
	b.do(chromedp.SendKeys(chromedp.CSS("#reason"), "an incident"), chromedp.Click(chromedp.CSS("button.danger")), chromedp.WaitVisible(chromedp.CSS("#e4")))
	end()
	require.Empty(t, s.dispatcher.Switches())
	require.Equal(t, "an incident", run(b, chromedp.Value(chromedp.CSS("#reason"))))
	b.do(chromedp.SendKeys(chromedp.CSS("#confirm"), "everything"), chromedp.Click(chromedp.CSS("button.danger")), chromedp.WaitVisible(chromedp.CSS(".cards")))
	b.await("#state", "Everything is switched off.")
}

// The dry run shows the topics, keys and bytes that "signalcast explain" prints.
func TestDryRunEqualsExplain(t *testing.T) {
	t.Parallel()
	s := startService(t)
	sample, err := s.registry.Sample(enroll)
	require.NoError(t, err)
	data := filepath.Join(t.TempDir(), "data.json")
	require.NoError(t, os.WriteFile(data, sample, 0o600))
	command := exec.CommandContext(t.Context(), "go", "-C", "../..", "run", "./cmd/signalcast", "explain", enroll, "-c", s.file, "--prefix", prefix,
		"--data", data, "--key-schema-id", "7", "--partitions", "12", "--format", "json")
	output, err := command.Output()
	require.NoError(t, err)
	var explained struct {
		Topics []struct {
			Topic   string `json:"full_topic"`
			Message struct {
				Key       string `json:"key"`
				KafkaKey  string `json:"kafka_key_hex"`
				Partition int    `json:"kafka_partition"`
			} `json:"message"`
		} `json:"topics"`
		Event struct {
			Value string `json:"value_hex"`
		} `json:"event"`
	}
	require.NoError(t, json.Unmarshal(output, &explained))
	require.Len(t, explained.Topics, 1)

	b := open(t, s)
	b.open("try?event_type=" + enroll)
	b.do(
		chromedp.Click(chromedp.CSS("#more summary")),
		chromedp.SendKeys(chromedp.CSS("#key_schema_id"), "7"), chromedp.SendKeys(chromedp.CSS("#partitions"), "12"),
		chromedp.Click(chromedp.CSS(`form[method="post"] button`)), chromedp.WaitVisible(chromedp.CSS("#result")),
	)
	topic := explained.Topics[0]
	require.NotEmpty(t, topic.Message.KafkaKey)
	require.NotEmpty(t, explained.Event.Value)
	for _, text := range []string{topic.Topic, topic.Message.Key, topic.Message.KafkaKey} {
		require.Contains(t, b.text("#result ~ .scroll"), text)
	}
	require.Contains(t, b.text("#value-bytes"), explained.Event.Value)
	cells := eval[[]string](b, `[...document.querySelectorAll("#result ~ .scroll td")].map((c) => c.textContent)`)
	require.Equal(t, topic.Message.Partition, asNumber(t, cells[len(cells)-1]))
	require.Zero(t, s.dispatcher.Stats().Accepted)
}

// The page shows within 5 s that Redis is stopped. After a restart, the trouble ends and no message is lost.
func TestTroubleIsVisible(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.send(enroll, 20*time.Millisecond)
	b := open(t, s)
	b.open("")
	b.await("#state", "Delivering.")
	s.redis.run(t, "stop")
	stopped := time.Now()
	b.await("#state", "1 topic in trouble")
	require.Less(t, time.Since(stopped), 5*time.Second)
	b.await(".troubles", s.stream(enroll))
	s.redis.run(t, "restart")
	b.awaitNone("#state", "trouble")
	b.awaitNone("main", s.stream(enroll)+" in trouble")
	require.Zero(t, s.dispatcher.Stats().Failed)
}

// The page shows a rejected configuration with the lines of its problems. The routes do not change.
func TestRejectedConfigurationIsShown(t *testing.T) {
	t.Parallel()
	s := startService(t)
	b := open(t, s)
	b.open("configuration")
	routes := s.dispatcher.Routes()
	good, err := os.ReadFile(s.file)
	require.NoError(t, err)
	s.write(enroll + ":\n  course-enrollment-lifecycle:\n    enabled: maybe\n")
	b.await(".rejected", "site.yaml:3:5")
	b.await(".rejected", "want true or false")
	b.await("#state", "The new configuration is not in effect.")
	require.Equal(t, routes, s.dispatcher.Routes())
	s.write(string(good))
	b.awaitNone("main", "is not in effect")
}
