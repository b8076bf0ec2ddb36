package browser_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	write = flag.Bool("write", false, "write the pictures of docs/images")
	shots = flag.String("shots", "", "write every page in every size into this `folder`")
)

func TestScreenshots(t *testing.T) {
	if !*write && *shots == "" {
		t.Skip("needs -write or -shots")
	}
	images, err := filepath.Abs("../../docs/images")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	s := startServiceWith(t, "site.yaml")
	for i, e := range enabled[:len(enabled)-1] {
		s.send(e, time.Duration(i*i*i+1)*7*time.Millisecond)
	}
	b := open(t, s)
	b.open("")
	require.Eventually(t, func() bool { return b.figure("sent") > 2500 }, 3*patience, 100*time.Millisecond)
	if *shots != "" {
		require.NoError(t, os.MkdirAll(*shots, 0o750))
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{360, 768, 1440} {
				b.look(width, scheme)
				for i, page := range s.pages() {
					b.open(page)
					b.picture(filepath.Join(*shots, fmt.Sprintf("%d-%s-%d.png", i, scheme, width)))
				}
			}
		}
	}
	if !*write {
		return
	}
	b.look(1440, "light")
	b.open("")
	b.screen(filepath.Join(images, "admin-overview.png"))

	require.NoError(t, s.switchOff(badge))
	s.write(enroll + ":\n  course-enrollment-lifecycle:\n    enabled: maybe\n  course-enrolment:\n    enable: true\n")
	b.open("configuration")
	b.await(".rejected", "site.yaml:3:5")
	b.screen(filepath.Join(images, "admin-configuration.png"))
	s.redis.run(t, "stop")
	b.open("")
	b.await(".troubles", s.stream(enroll))
	b.look(1440, "dark")
	b.open("")
	b.screen(filepath.Join(images, "admin-trouble.png"))
	s.redis.run(t, "restart")
	b.awaitNone("#state", "trouble")
}
