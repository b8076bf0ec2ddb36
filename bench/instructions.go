package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// Time depends on the load of the machine, and the number of instructions does
// not. Each change is therefore checked by its instructions.

// ceiling is the largest allowed ratio of the instructions of two contenders of a
// contest.
type ceiling struct {
	contest, contender, against string
	// further, unless 0, is the number of pieces of work that contender does in
	// addition to the work of against. The ratio is then for one of them.
	further float64
	most    float64
	// events is the number of events of each contender. It is large enough that the
	// set-up is far below 1 % of the instructions. The set-up varies by millions of
	// instructions, because Go seeds maps at random.
	events int
}

// ceilings returns limits about 10 % above the ratios when they were set.
func ceilings() []ceiling {
	return []ceiling{
		{contest: idleContest, contender: ours, against: byHand, most: 1.5, events: 500_000},
		{contest: wholeContest, contender: ours, against: byHand, most: 1.1, events: 30_000},
		{contest: topicsContest, contender: furtherTopic, against: firstTopic, further: moreTopics, most: 0.11, events: 30_000},
		{contest: avroContest, contender: ours, against: byHand, most: 0.9, events: 30_000},
		{contest: avroContest, contender: ours, against: bareHamba, most: 0.6, events: 30_000},
		{contest: decodeContest, contender: ours, against: byHand, most: 1, events: 30_000},
		{contest: decodeContest, contender: ours, against: bareHamba, most: 0.85, events: 30_000},
		{contest: configContest, contender: ours, against: byHand, most: 1.85, events: 16},
		{contest: configuredContest, contender: tenThousand, against: single, most: 1.1, events: 50_000},
	}
}

// inProcess returns functions that open the contests without a server.
func inProcess() []func() (contest, error) {
	return []func() (contest, error){idle, wholeEvent, furtherTopics, avro, decoding, configuration, configuredTopics, senders, kept}
}

// work does the work of one contender n times.
func work(ctx context.Context, name, contenderName string, n int) error {
	for _, open := range inProcess() {
		c, err := open()
		if err != nil {
			return err
		}
		for _, contender := range c.contenders {
			if c.name == name && contender.name == contenderName && contender.run != nil {
				return contender.run(ctx, n)
			}
		}
	}
	return fmt.Errorf("found no contender %q in a contest %q without a server", contenderName, name)
}

// checkInstructions counts instructions and returns an error for each ceiling that
// is exceeded. It needs valgrind.
func checkInstructions(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	counted := map[string]float64{} // each contender is counted once
	count := func(contest, contender string, events int) (float64, error) {
		key := contest + "\n" + contender
		if counted[key] == 0 {
			var with, without float64
			if with, err = instructions(ctx, self, contest, contender, events); err != nil {
				return 0, err
			}
			if without, err = instructions(ctx, self, contest, contender, 0); err != nil {
				return 0, err
			}
			counted[key] = (with - without) / float64(events)
		}
		return counted[key], nil
	}
	var faults []error
	for _, c := range ceilings() {
		contender, err := count(c.contest, c.contender, c.events)
		if err != nil {
			return err
		}
		against, err := count(c.contest, c.against, c.events)
		if err != nil {
			return err
		}
		if c.further > 0 {
			contender = (contender - against) / c.further
		}
		what := fmt.Sprintf("%s: %s takes %.0f instructions, %s %.0f: %.2f×; want at most %.2f×",
			c.contest, c.contender, contender, c.against, against, contender/against, c.most)
		fmt.Println(what)
		if contender/against > c.most {
			faults = append(faults, errors.New(what))
		}
	}
	return errors.Join(faults...)
}

var collected = regexp.MustCompile(`Collected : (\d+)`)

// instructions returns the number of instructions of a process that does this
// work. The garbage collector is off, because its runs vary. Tests limit the
// number of allocations.
func instructions(ctx context.Context, self, contest, contender string, events int) (float64, error) {
	command := exec.CommandContext(ctx, "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
		self, "-work", contest+"/"+contender, "-events", strconv.Itoa(events))
	command.Env = append(os.Environ(), "GOGC=off", "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1") // a signal can stop callgrind
	output, err := command.CombinedOutput()
	found := collected.FindSubmatch(output)
	if err != nil || found == nil {
		return 0, fmt.Errorf("counting instructions of %q in %q: %w\n%s", contender, contest, err, strings.TrimSpace(string(output)))
	}
	return strconv.ParseFloat(string(found[1]), 64)
}
