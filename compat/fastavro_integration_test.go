//go:build integration

package compat_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/compat"
)

const pairs = 20_000

func TestVerdictsAreThoseOfFastavro(t *testing.T) {
	t.Parallel()
	python := os.Getenv("SIGNALCAST_TEST_PYTHON")
	require.NotEmpty(t, python, "found SIGNALCAST_TEST_PYTHON unset; run test/run_integration.sh")
	var input strings.Builder
	var olds, news []string
	for seed := range uint64(pairs) {
		was, is := generatePair(seed)
		olds, news = append(olds, was), append(news, is)
		fmt.Fprintf(&input, `{"old": %s, "new": %s}`+"\n", was, is)
	}
	command := exec.CommandContext(t.Context(), python, "../test/reference/read_pairs.py")
	command.Stdin, command.Stderr = strings.NewReader(input.String()), t.Output()
	output, err := command.Output()
	require.NoError(t, err)

	verdicts := map[[2]bool]int{}
	codes := map[compat.Code]int{}
	lines := bufio.NewScanner(strings.NewReader(string(output)))
	for i := range pairs {
		require.True(t, lines.Scan())
		var want struct {
			OldReadsNew bool `json:"old_reads_new"`
			NewReadsOld bool `json:"new_reads_old"`

			SameEncoding bool `json:"same_encoding"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &want))
		verdicts[[2]bool{want.OldReadsNew, want.NewReadsOld}]++
		all, err := compat.Check(olds[i], news[i], compat.Exact)
		require.NoError(t, err)
		redis := false
		for _, f := range all {
			codes[f.Code]++
			redis = redis || f.BreaksOnRedis
		}
		require.True(t, redis || want.SameEncoding, "seed %d: %v\nold %s\nnew %s", i, all, olds[i], news[i])
		for level, reads := range map[compat.Level]bool{
			compat.Forward: want.OldReadsNew, compat.Backward: want.NewReadsOld, compat.Full: want.OldReadsNew && want.NewReadsOld,
		} {
			found, err := compat.Check(olds[i], news[i], level)
			require.NoError(t, err)
			require.Equal(t, reads, len(found) == 0, "seed %d, %s: %v\nold %s\nnew %s", i, level, found, olds[i], news[i])
		}
	}
	t.Log(verdicts, codes)
	require.Len(t, verdicts, 4)
	for _, code := range []compat.Code{
		compat.CodeFieldAdded, compat.CodeFieldRemoved, compat.CodeOrder, compat.CodeType, compat.CodeNullAdded,
		compat.CodeNullRemoved, compat.CodeRecordName, compat.CodeRecordReference,
	} {
		require.Greater(t, codes[code], 10, code)
	}
}
