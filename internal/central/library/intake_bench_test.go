//go:build linux

package library

import (
	"bytes"
	"syscall"
	"testing"
	"time"
)

// BenchmarkIntake takes a spoken bulletin of this house in, child and tools and all, and
// one of the same length whose peaks need several passes. What counts is processor time,
// which uploads share with everything else of the centre: cpu-s/min is for a minute of sound.
//
//	go test -run '^$' -bench Intake -benchtime 5x ./internal/central/library
func BenchmarkIntake(b *testing.B) {
	needTools(b, "ffmpeg", "ffprobe")
	peaky := noise(44100*15, 0.0015)
	for i := 0; i+4 < len(peaky); i += 11025 {
		for k := range 4 {
			peaky[i+k] = 0.9
		}
	}
	for name, src := range map[string][]byte{"speech": readTestFile(b, "../../../audio/nq57-1.mp3"), "peaky": wavFile(peaky, 44100, 1)} {
		b.Run(name, func(b *testing.B) {
			in := newIntake(b, nil)
			before, minutes := processorTime(b), 0.0
			for b.Loop() {
				p, err := in.Prepare(b.Context(), bytes.NewReader(src))
				if err != nil {
					b.Fatal(err)
				}
				minutes += p.Seconds / 60
				if err := p.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((processorTime(b)-before).Seconds()/minutes, "cpu-s/min")
		})
	}
}

// processorTime is that of this process and of its children that ended.
func processorTime(b *testing.B) (sum time.Duration) {
	b.Helper()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}
