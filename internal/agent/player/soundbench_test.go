//go:build cgo && !noaudio

package player

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/clock"
	"loaxa/internal/e2e/soundlab"
)

// The benchmark of starts is run by .ci/bench-sound, which sets these.
const (
	benchDir    = "LOAXA_BENCH_SOUND_DIR"    // results, a file per part; what is there is not measured again
	benchAgent  = "LOAXA_BENCH_SOUND_AGENT"  // loaxa-agent as it is shipped
	benchStarts = "LOAXA_BENCH_SOUND_STARTS" // of each part; default 300
	benchCron   = "LOAXA_BENCH_SOUND_CRON"   // minutes; 0 leaves cron out
)

// part is what one measurement found, as it is kept on disk.
type part struct {
	Name    string    `json:"name"`
	Planned int       `json:"planned"`
	Missing int       `json:"missing"`           // not in the recording, or not that sound
	MS      []float64 `json:"ms,omitempty"`      // start error, or skew, of each
	Seconds float64   `json:"cpu_s,omitempty"`   // user and system time of a player, from its start to its end
	Of      float64   `json:"sound_s,omitempty"` // in so much sound
	Start   float64   `json:"start_s,omitempty"` // of that, what does not grow with the sound
	Load    []float64 `json:"load"`              // before, after: average of a minute
}

// soundBench measures what is not on disk yet.
type soundBench struct {
	*testing.B
	dir, agent string
	starts     int
	lab        *soundlab.Lab
	house      audio
	usual      string // the same burst as a user's file
}

// newSoundBench skips where no script has named what is to be measured.
func newSoundBench(b *testing.B) *soundBench {
	s := &soundBench{B: b, dir: os.Getenv(benchDir), agent: os.Getenv(benchAgent), starts: number(b, benchStarts, 300)}
	if s.dir == "" || s.agent == "" {
		b.Skip("run make bench-sound or make bench-cpu")
	}
	s.lab = soundlab.Start(b)
	return s
}

// BenchmarkSound measures starts of the shipped agent and of what a user would do
// without it, on recorded sound.
func BenchmarkSound(b *testing.B) {
	s := newSoundBench(b)
	s.house, s.usual = burst(b)
	for _, driver := range realDrivers {
		s.twoAgents(driver)
	}
	s.sleepers()
	if minutes := number(b, benchCron, 0); minutes > 0 {
		s.cron(minutes)
	}
	s.table()
}

func number(b *testing.B, key string, otherwise int) int {
	text := os.Getenv(key)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		b.Fatalf("%s=%q", key, text)
	}
	return n
}

func (s *soundBench) path(name string) string { return filepath.Join(s.dir, name+".json") }

// have says whether a part was measured before.
func (s *soundBench) have(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		_, err := os.Stat(s.path(name))
		return errors.Is(err, fs.ErrNotExist)
	})
}

func (s *soundBench) keep(p part, before float64) {
	s.Helper()
	p.Load = []float64{before, loadAverage(s)}
	text, err := json.Marshal(p)
	if err == nil {
		err = os.WriteFile(s.path(p.Name)+".part", text, 0o644)
	}
	if err == nil {
		err = os.Rename(s.path(p.Name)+".part", s.path(p.Name))
	}
	if err != nil {
		s.Fatal(err)
	}
	fmt.Fprintln(os.Stderr, "measured:", p.row())
}

// loadAverage of the last minute.
func loadAverage(tb testing.TB) float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		tb.Fatal(err)
	}
	load, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	if err != nil {
		tb.Fatal(err)
	}
	return load
}

func (s *soundBench) player(sink string) *Player {
	p, err := New(Config{Command: []string{s.agent, "player"}, Stderr: os.Stderr,
		Env: append(os.Environ(), s.lab.Env(sink)...)}, silentLog)
	if err != nil {
		s.Fatal(err)
	}
	return p
}

// twoAgents play the same bulletins at the same instants, each on a sink of its own:
// the start errors of both, and how far apart they are.
func (s *soundBench) twoAgents(driver string) {
	if s.have(driver, driver+" skew") {
		return
	}
	before := loadAverage(s)
	planned := every(s.starts, 2*time.Second)
	sinks := []string{soundlab.Sink1, soundlab.Sink2}
	recs := make([]*soundlab.Recording, len(sinks))
	failed := make(chan error, len(sinks))
	for i, sink := range sinks {
		recs[i] = s.lab.Record(s, sink)
		p := s.player(sink)
		go func() {
			_, err := inject(p, s, output.Config{Driver: driver}, s.house, planned)
			failed <- err
		}()
	}
	for range sinks {
		if err := <-failed; err != nil {
			s.Error(err)
		}
	}
	errs, skew := part{Name: driver, Planned: 2 * s.starts}, part{Name: driver + " skew", Planned: s.starts}
	found := make([][]float64, len(sinks))
	for i, rec := range recs {
		found[i] = startErrors(rec.Stop(s), s.house, planned, 500*time.Millisecond)
	}
	for i, a := range found[0] {
		b := found[1][i]
		for _, ms := range []float64{a, b} {
			if !math.IsNaN(ms) {
				errs.MS = append(errs.MS, ms)
			}
		}
		if d := b - a; !math.IsNaN(d) {
			skew.MS = append(skew.MS, d)
		}
	}
	errs.Missing, skew.Missing = errs.Planned-len(errs.MS), skew.Planned-len(skew.MS)
	s.keep(errs, before)
	s.keep(skew, before)
}

// sleepers is the shell's way: sleep to the instant, then mpg123.
func (s *soundBench) sleepers() {
	const name = "sleep + mpg123"
	if s.have(name) {
		return
	}
	before := loadAverage(s)
	rec := s.lab.Record(s, soundlab.Sink1)
	planned := make([]time.Duration, s.starts)
	first := clock.Mono() + 5*time.Second
	for i := range planned {
		planned[i] = first + time.Duration(i)*2*time.Second
	}
	running := make(chan error, len(planned))
	for _, at := range planned {
		// As exactly as sleep can be told to.
		wait := time.NewTimer(at - clock.Mono() - 1200*time.Millisecond)
		<-wait.C
		cmd := exec.Command("sh", "-c", `sleep "$1"; exec mpg123 -q -o alsa "$2"`, "sh",
			fmt.Sprintf("%.6f", (at-clock.Mono()).Seconds()), s.usual)
		cmd.Env = append(os.Environ(), s.lab.Env(soundlab.Sink1)...)
		go func() { running <- cmd.Run() }()
	}
	for range planned {
		if err := <-running; err != nil {
			s.Error("mpg123:", err)
		}
	}
	s.keep(found(name, startErrors(rec.Stop(s), s.house, planned, 500*time.Millisecond)), before)
}

// cron is Debian's, with mpg123 in the crontab, every minute, as a user would do it.
// It needs the right to write /etc/cron.d.
func (s *soundBench) cron(minutes int) {
	const name, tab = "cron + mpg123", "/etc/cron.d/loaxa-bench-sound"
	if s.have(name) {
		return
	}
	before := loadAverage(s)
	var text strings.Builder
	for _, e := range s.lab.Env(soundlab.Sink1) {
		fmt.Fprintln(&text, e)
	}
	fmt.Fprintf(&text, "PATH=/usr/bin:/bin\n* * * * * root mpg123 -q -o alsa %s\n", s.usual)
	if err := os.WriteFile(tab, []byte(text.String()), 0o644); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := os.Remove(tab); err != nil {
			s.Error(err)
		}
	})
	cron := exec.Command("cron", "-f")
	if err := cron.Start(); err != nil {
		s.Fatal(err)
	}
	rec := s.lab.Record(s, soundlab.Sink1)
	wall, mono := time.Now(), clock.Mono()
	minute := wall.Truncate(time.Minute).Add(time.Minute)
	if minute.Sub(wall) < 15*time.Second { // cron has to have read its table
		minute = minute.Add(time.Minute)
	}
	var planned []time.Duration
	for i := range minutes {
		planned = append(planned, mono+minute.Add(time.Duration(i)*time.Minute).Sub(wall))
	}
	end := time.NewTimer(planned[len(planned)-1] - mono + 20*time.Second)
	<-end.C
	// A daemon that ran before us did the work then, and ours ended by itself.
	_ = cron.Process.Kill()
	_ = cron.Wait()
	s.keep(found(name, startErrors(rec.Stop(s), s.house, planned, 15*time.Second)), before)
}

func found(name string, ms []float64) part {
	p := part{Name: name, Planned: len(ms)}
	for _, v := range ms {
		if !math.IsNaN(v) {
			p.MS = append(p.MS, v)
		}
	}
	p.Missing = p.Planned - len(p.MS)
	return p
}

// of gives the value below which a share of the sorted errors lies.
func of(sorted []float64, share float64) float64 {
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// row of the table. The errors of p99 and the largest are told without their sign.
func (p part) row() string {
	if p.Of > 0 {
		return fmt.Sprintf("| %s | %.2f s of CPU for %.0f s of sound | load %.1f |", p.Name, p.Seconds, p.Of, p.Load[len(p.Load)-1])
	}
	signed := slices.Clone(p.MS)
	slices.Sort(signed)
	size := make([]float64, len(signed))
	for i, v := range signed {
		size[i] = math.Abs(v)
	}
	slices.Sort(size)
	if len(size) == 0 {
		return fmt.Sprintf("| %s | 0 of %d starts found |", p.Name, p.Planned)
	}
	return fmt.Sprintf("| %s | %d | %d | %+.1f | %.1f | %.1f | %.1f–%.1f |", p.Name, len(size), p.Missing,
		of(signed, 0.5), of(size, 0.99), size[len(size)-1], p.Load[0], p.Load[1])
}

// table writes all that has been measured, ready for the README.
func (s *soundBench) table() {
	files, err := filepath.Glob(filepath.Join(s.dir, "*.json"))
	if err != nil {
		s.Fatal(err)
	}
	var parts []part
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			s.Fatal(err)
		}
		var p part
		if err := json.Unmarshal(text, &p); err != nil {
			s.Fatalf("%s: %v; remove it", f, err)
		}
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.Name, b.Name) })
	var t strings.Builder
	fmt.Fprintf(&t, "Recorded at a sound server's null sink, %d cores.\n\n", runtime.NumCPU())
	var starts, players []part
	for _, p := range parts {
		if p.Of > 0 {
			players = append(players, p)
		} else {
			starts = append(starts, p)
		}
	}
	if len(starts) > 0 {
		fmt.Fprint(&t, "| start error beside the planned instant | starts | not found | median, ms | p99, ms | largest, ms | load average |\n|---|---|---|---|---|---|---|\n")
	}
	for _, p := range starts {
		fmt.Fprintln(&t, p.row())
	}
	t.WriteString(cpuTable(players))
	if err := os.WriteFile(filepath.Join(s.dir, "table.md"), []byte(t.String()), 0o644); err != nil {
		s.Fatal(err)
	}
	fmt.Fprint(os.Stderr, t.String())
}
