package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bnetc/runtime"
)

// walk runs three epochs of 100 steps of 50 ms, with 5 s of evaluation behind each.
func walk(live bool) string {
	var out strings.Builder
	now := time.Unix(0, 0)
	p := &progress{out: &out, live: live, clock: func() time.Time { return now }}
	train, test := 12.5, 25.0
	for epoch := 1; epoch <= 3; epoch++ {
		p.Start(epoch, 3, 100, 0)
		for step := 1; step <= 100; step++ {
			now = now.Add(50 * time.Millisecond)
			p.Step(step)
		}
		now = now.Add(5 * time.Second)
		p.Epoch(&runtime.EpochRow{TrainError: &train, TestError: &test, TrainLoss: 0.5, SamplesPerSecond: 1234})
	}
	p.end()
	return out.String()
}

// TestProgressOnTerminal: the line shows rate and time left, changes ten times a second at most, and leaves only the epochs' lines behind.
func TestProgressOnTerminal(t *testing.T) {
	text := walk(true)
	lines := strings.Split(text, "\r\x1b[K")
	require.Equal(t, "epoch 1/3 ━━━━━━━━━━━━──────────── 51/100, 20 steps/s, 12s left", lines[26], "2.55 s for a sixth of the run; evaluation is not seen yet")
	require.Contains(t, lines, "epoch 3/3 ━━━━━━━━━━━━──────────── 51/100, 20 steps/s, 4s left")
	require.Less(t, len(lines), 3*53)
	require.Contains(t, lines, "epoch 2/3 ━━━━━━━━━━━━━━━━━━━━━━━━ evaluating")
	for _, line := range lines {
		if strings.Contains(line, "\n") {
			require.Regexp(t, `^epoch \d/3: train error 12.50 %, test error 25.00 %, loss 0.5, 1234 samples/s\n$`, line)
		}
		require.LessOrEqual(t, len([]rune(line)), 80)
	}
	require.Equal(t, 3, strings.Count(text, "\n"))
}

// TestProgressElsewhere: plain lines, one an epoch, and nothing that a terminal would have to understand.
func TestProgressElsewhere(t *testing.T) {
	text := walk(false)
	require.NotContains(t, text, "\r")
	require.NotContains(t, text, "\x1b")
	require.Equal(t, 3, strings.Count(text, "\n"))
}

// TestProgressResumed: the time left is that of what this process has to do, by what it has done.
func TestProgressResumed(t *testing.T) {
	var out strings.Builder
	now := time.Unix(0, 0)
	p := &progress{out: &out, live: true, clock: func() time.Time { return now }}
	p.Start(9, 10, 100, 50)
	now = now.Add(10 * time.Second)
	p.Step(60)
	require.Contains(t, out.String(), "60/100, 1 steps/s, 2m20s left")
}
