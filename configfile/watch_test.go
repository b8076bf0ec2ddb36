package configfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

func TestWatchAppliesAChangeAfterTwoEqualReads(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		began := time.Now()
		pass(5 * time.Second)
		s.requireGeneration(t, 1)
		require.Len(t, s.backend.times(), 1, "of NewDispatcher")
		require.Empty(t, s.log.take())

		rewrite(t, path, ordersTo("orders", "audit"))
		pass(time.Second)
		s.requireTopics(t, "orders")
		pass(time.Second)
		s.requireTopics(t, "audit", "orders")
		s.requireGeneration(t, 2)
		require.Equal(t, "level=INFO msg=\"configuration sources changed\" generation=2 sources=[site.yaml]\n", base(path, s.log.take()))

		pass(3 * time.Second)
		s.requireGeneration(t, 2)
		status := s.Status()
		require.Equal(t, began.Add(6500*time.Millisecond), status.LoadedAt)
		require.Equal(t, began.Add(9500*time.Millisecond), status.CheckedAt)
		require.Equal(t, path, status.Loaded.Layers[0].Name)
		require.Len(t, status.Loaded.Merged["org.example.order.placed.v1"], 2)
		settings := status.Loaded.Provenance.Settings("org.example.order.placed.v1", "audit", "enabled")
		require.Len(t, settings, 1)
		require.Equal(t, 3, settings[0].Line)
	})
}

func TestWatchAppliesAChangeBetweenLoadAndWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := write(t, "site.yaml", ordersTo("orders"))
		changed := false
		file := configfile.File(path)
		s := watch(t, func() (signalcast.Layer, error) {
			layer, err := file()
			if !changed { // during Load
				changed = true
				rewrite(t, path, ordersTo("audit"))
			}
			return layer, err
		})
		pass(2500 * time.Millisecond)
		s.requireTopics(t, "audit")
		s.requireGeneration(t, 2)
	})
}

func TestWatchIgnoresHalfWrittenFiles(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("a", "b", "c"), func(t *testing.T, path string, s *watched) {
		text := ordersTo("d", "e", "f")
		for _, written := range []int{0, 30, 70, 100, len(text)} {
			rewrite(t, path, text[:written])
			pass(time.Second)
			s.requireTopics(t, "a", "b", "c")
			s.requireGeneration(t, 1)
		}
		pass(time.Second)
		s.requireTopics(t, "d", "e", "f")
		s.requireGeneration(t, 2)
	})
}

func TestWatchSeesSwappedLinksOfAConfigMap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		mount := func(version, text string) {
			require.NoError(t, os.Mkdir(filepath.Join(dir, version), 0o700))
			rewrite(t, filepath.Join(dir, version, "site.yaml"), text)
			link(t, version, filepath.Join(dir, "..data"))
		}
		mount("..2026_01", ordersTo("orders"))
		link(t, filepath.Join("..data", "site.yaml"), filepath.Join(dir, "site.yaml"))
		s := watch(t, configfile.File(filepath.Join(dir, "site.yaml")))
		pass(1500 * time.Millisecond)

		mount("..2026_02", ordersTo("audit"))
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "..2026_01")))
		pass(2 * time.Second)
		s.requireTopics(t, "audit")
		mount("..2026_03", ordersTo("orders"))
		pass(2 * time.Second)
		s.requireTopics(t, "orders")
		s.requireGeneration(t, 3)
	})
}

func TestWatchSeesARenamedFile(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		for i, topic := range []string{"audit", "orders", "billing"} {
			rewrite(t, path+"~", ordersTo(topic))
			require.NoError(t, os.Rename(path+"~", path))
			pass(2 * time.Second)
			s.requireTopics(t, topic)
			s.requireGeneration(t, i+2)
		}
	})
}

func TestWatchKeepsTheRoutesOfATruncatedFile(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		rewrite(t, path, "")
		pass(time.Second)
		s.requireGeneration(t, 1)
		pass(10 * time.Second)
		s.requireTopics(t, "orders")
		status := s.Status()
		require.ErrorIs(t, status.Err, signalcast.ErrEmptyReload)
		require.Zero(t, status.RetryAt)
		require.Len(t, s.backend.times(), 1, "an empty configuration does not reach the backend")
		log := s.log.take()
		require.Contains(t, log, `level=ERROR msg="configuration rejected, keeping the last one" error="reload would stop all publishing: found none of the 1 enabled`)
		require.Equal(t, 1, strings.Count(log, "\n"))

		rewrite(t, path, ordersTo("orders"))
		pass(2 * time.Second)
		s.requireGeneration(t, 1)
		require.Equal(t, "level=INFO msg=\"configuration works again\"\n", s.log.take())
	})
}

func TestWatchReportsAMissingFileAfterTheSecondMiss(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		require.NoError(t, os.Remove(path))
		pass(time.Second)
		s.requireGeneration(t, 1)
		rewrite(t, path, ordersTo("orders"))
		pass(5 * time.Second)
		s.requireGeneration(t, 1)
		require.Empty(t, s.log.take(), "one miss is no problem")

		require.NoError(t, os.Remove(path))
		pass(2 * time.Second)
		status := s.Status()
		require.ErrorIs(t, status.Err, os.ErrNotExist)
		require.Equal(t, time.Now().Add(-500*time.Millisecond), status.Since)
		require.Equal(t, 1, status.Generation)
		pass(time.Minute)
		require.Equal(t, status.Since, s.Status().Since)
		s.requireTopics(t, "orders")
		require.Equal(t, "level=ERROR msg=\"configuration rejected, keeping the last one\" error=\"open site.yaml: no such file or directory\"\n", base(path, s.log.take()))

		rewrite(t, path, ordersTo("audit"))
		pass(2 * time.Second)
		s.requireTopics(t, "audit")
		s.requireGeneration(t, 2)
		require.Contains(t, s.log.take(), "generation=2")
	})
}

func TestWatchKeepsTheLastConfigurationOfAnUnreadableFile(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.Mkdir(path, 0o700))
		pass(2 * time.Second)
		require.ErrorContains(t, s.Status().Err, path)
		require.ErrorContains(t, s.Status().Err, "is a directory")
		s.requireTopics(t, "orders")
		require.NoError(t, os.Remove(path))
		rewrite(t, path, ordersTo("orders"))
		pass(2 * time.Second)
		s.requireGeneration(t, 1)
	})
}

func TestWatchKeepsTheLastConfigurationWithoutPermission(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may read every file")
	}
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		require.NoError(t, os.Chmod(path, 0))
		pass(2 * time.Second)
		require.ErrorIs(t, s.Status().Err, os.ErrPermission)
		s.requireTopics(t, "orders")
		require.NoError(t, os.Chmod(path, 0o600))
		pass(2 * time.Second)
		s.requireGeneration(t, 1)
	})
}

func TestWatchReportsAnInvalidFileOnceWithItsPlace(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		rewrite(t, path, "org.example.order.placed.v1:\n  orders: {event_key_field: order.id, enabled: maybe}\n")
		pass(time.Minute)
		var invalid *signalcast.ValidationError
		require.ErrorAs(t, s.Status().Err, &invalid)
		require.Equal(t, path, invalid.Problems[0].Layer)
		require.Equal(t, signalcast.Position{Line: 2, Column: 39}, invalid.Problems[0].Position)
		require.Equal(t, `level=ERROR msg="configuration rejected, keeping the last one" error="site.yaml:2:39: org.example.order.placed.v1 → orders → enabled: `+
			`found a string; want true or false, or null to inherit"`+"\n", base(path, s.log.take()))

		rewrite(t, path, "org.example.order.placed.v1: {orders: {event_key_field: order.no, enabled: true}}\n")
		pass(time.Minute)
		require.ErrorContains(t, s.Status().Err, path+`:1:40: org.example.order.placed.v1 → orders → event_key_field: key path "order.no"`)
		require.Equal(t, 1, strings.Count(s.log.take(), "\n"), "another problem is reported")
		require.Len(t, s.backend.times(), 1, "an invalid configuration is not repeated")
		s.requireTopics(t, "orders")
	})
}

func TestCheckAppliesAndReturnsProblemsAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		require.NoError(t, s.Check(t.Context()))
		s.requireGeneration(t, 1)
		rewrite(t, path, ordersTo("audit"))
		require.NoError(t, s.Check(t.Context()))
		s.requireTopics(t, "audit")
		s.requireGeneration(t, 2)
		require.Contains(t, s.log.take(), "generation=2")

		rewrite(t, path, "org.example.order.placed.v1: [\n")
		for range 3 {
			err := s.Check(t.Context())
			require.ErrorContains(t, err, path+":2:1: found text that is not YAML")
			require.Equal(t, err, s.Status().Err)
		}
		require.Equal(t, 1, strings.Count(s.log.take(), "\n"), "the same problem is logged once")
		rewrite(t, path, ordersTo("audit"))
		require.NoError(t, s.Check(t.Context()))
		s.requireGeneration(t, 2)
	})
}

func TestWatchLocatesProblemsWithoutARegistryForLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := watch(t, configfile.File(write(t, "own.yaml", ordersTo("orders"))))
		path := write(t, "site.yaml", ordersTo("orders"))
		loaded, err := configfile.Load(nil, configfile.File(path))
		require.NoError(t, err)
		w, err := configfile.Watch(s.dispatcher, loaded, configfile.WatchConfig{Interval: time.Hour})
		require.NoError(t, err)
		rewrite(t, path, ordersTo("orders")+"org.example.order.lost.v1: {}\n")
		require.ErrorContains(t, w.Check(t.Context()), path+":3:1: org.example.order.lost.v1: unknown event type")
		require.NoError(t, w.Close(t.Context()))
	})
}

func TestWatchRejectsWrongArguments(t *testing.T) {
	t.Parallel()
	s := watch(t, configfile.File(write(t, "site.yaml", ordersTo("orders"))))
	loaded := s.Status().Loaded
	_, err := configfile.Watch(nil, loaded, configfile.WatchConfig{})
	require.EqualError(t, err, "watch: found a nil dispatcher; want the one to reload")
	for _, none := range []*configfile.Loaded{nil, {}} {
		_, err = configfile.Watch(s.dispatcher, none, configfile.WatchConfig{})
		require.EqualError(t, err, "watch: found no sources; want the result of Load with at least one source")
	}
	_, err = configfile.Watch(s.dispatcher, loaded, configfile.WatchConfig{Interval: -time.Second})
	require.EqualError(t, err, "watch: Interval: found -1s; want a positive duration, or 0 for 1s")
}
