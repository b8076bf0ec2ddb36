package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEventsArePrintedTyped(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	require.Equal(t, `text enrolled in course-v1:edX+DemoX+2026 (text)
text has a certificate of course-v1:edX+DemoX+2026
block-v1:edX+DemoX+2026+type@html+block@intro was published
`, out.String())
}
