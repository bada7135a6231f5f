//go:build cgo && !noaudio

package player

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/e2e/soundlab"
	"loaxa/internal/radio"
	"loaxa/internal/sound"
)

// The parts of BenchmarkCPU, as they stand in the table.
const (
	cpuMpg123   = "cpu mpg123 -o alsa"
	cpuTree     = "cpu loaxa-agent play, alsa"
	cpuDecoding = "cpu decoding alone"
)

func cpuPlayer(driver string) string { return "cpu player, " + driver }

// BenchmarkCPU compares the CPU time of the player's process, by driver, and of the
// whole tree of `loaxa-agent play` with mpg123's for the same file on the same device.
// All work at once, so that whatever else the machine does weighs on all of them alike,
// and once more only a few seconds, which tells what starting and ending cost.
func BenchmarkCPU(b *testing.B) {
	s := newSoundBench(b)
	runs := map[string]func(audio, string) (float64, error){cpuMpg123: s.mpg123CPU, cpuTree: s.treeCPU, cpuDecoding: s.decodingCPU}
	for _, driver := range append(slices.Clone(realDrivers), output.DriverNull) {
		p := s.player(soundlab.Sink1)
		runs[cpuPlayer(driver)] = func(a audio, _ string) (float64, error) { return s.playerCPU(p, driver, a) }
	}
	var names []string
	for name := range runs {
		names = append(names, name)
	}
	if !s.have(names...) {
		before := loadAverage(s)
		short, long := s.together(runs, 4), s.together(runs, 112) // 13 s and 6 minutes
		for name := range runs {
			p := part{Name: name, Seconds: long.used[name], Of: long.seconds}
			p.Start = short.used[name] - (p.Seconds-short.used[name])*short.seconds/(long.seconds-short.seconds)
			s.keep(p, before)
		}
	}
	s.table()
}

// played is what each took for one audio.
type played struct {
	audio   audio
	seconds float64
	used    map[string]float64
}

// together runs all of them with a sample of 3.2 s so many times over.
func (s *soundBench) together(runs map[string]func(audio, string) (float64, error), times int) played {
	one, err := os.ReadFile("../../sound/testdata/house-64.mp3")
	if err != nil {
		s.Fatal(err)
	}
	p := played{audio: audio{bytes: bytes.Repeat(one, times)}, used: map[string]float64{}}
	p.audio.item = Item{Frames: times * framesOf(s, one)}
	p.seconds = radio.SamplesDuration(p.audio.item.Expected()).Seconds()
	path := filepath.Join(s.TempDir(), "sound.mp3")
	if err := os.WriteFile(path, p.audio.bytes, 0o600); err != nil {
		s.Fatal(err)
	}
	type result struct {
		name string
		used float64
		err  error
	}
	results := make(chan result, len(runs))
	for name, run := range runs {
		go func() {
			used, err := run(p.audio, path)
			results <- result{name, used, err}
		}()
	}
	for range runs {
		r := <-results
		if r.err != nil {
			s.Fatalf("%s: %v", r.name, r.err)
		}
		p.used[r.name] = r.used
	}
	return p
}

// playerCPU of the child alone, fed by this process.
func (s *soundBench) playerCPU(p *Player, driver string, a audio) (float64, error) {
	session, err := p.Start(s.Context(), output.Config{Driver: driver})
	if err != nil {
		return 0, err
	}
	if _, err := session.Play(a.item, io.NopCloser(bytes.NewReader(a.bytes))); err != nil {
		return 0, err
	}
	if err := session.Finish(); err != nil {
		return 0, err
	}
	for e := range session.Events() {
		if e.Kind == Ended && e.Reason != Complete || e.Kind == Closed && e.Text != "" {
			err = errors.Join(err, fmt.Errorf("%+v", e))
		}
	}
	<-session.done
	return cpuOf(session.cmd), err
}

func (s *soundBench) mpg123CPU(_ audio, path string) (float64, error) {
	return s.commandCPU(exec.Command("mpg123", "-q", "-o", "alsa", path))
}

// treeCPU of the shipped command with its player. It may play at any hour: its clock is
// told that it is ten in the morning.
func (s *soundBench) treeCPU(_ audio, path string) (used float64, err error) {
	dir, err := os.MkdirTemp("", "play") // a socket's name is short
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	now := time.Now().UTC()
	ten := time.Date(now.Year(), now.Month(), now.Day(), 3, 0, 0, 0, time.UTC)
	config := filepath.Join(dir, "agent.yaml")
	text := fmt.Sprintf("data: %q\noutput: {driver: alsa}\nclock: {assumed: true, offset: %q}\nstatus: {socket: %q}\n",
		filepath.Join(dir, "data"), ten.Sub(now).Round(time.Second), filepath.Join(dir, "s"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return 0, err
	}
	return s.commandCPU(exec.Command(s.agent, "play", "--config", config, path))
}

func (s *soundBench) commandCPU(cmd *exec.Cmd) (float64, error) {
	cmd.Env = append(os.Environ(), s.lab.Env(soundlab.Sink1)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	return cpuOf(cmd), nil
}

// decodingCPU is what go-mp3 takes, which no player can be below: in a process of its
// own, as much at once as the player decodes, at the pace of the sound.
func (s *soundBench) decodingCPU(_ audio, path string) (float64, error) {
	cmd := exec.Command(os.Args[0], "-test.run", "^$", "-test.bench", "^BenchmarkDecoding$", "-test.benchtime", "1x")
	cmd.Env = append(os.Environ(), benchDecode+"="+path)
	if err := spawn(cmd); err != nil {
		return 0, err
	}
	if err := cmd.Wait(); err != nil {
		return 0, err
	}
	return cpuOf(cmd), nil
}

// benchDecode names the file of BenchmarkDecoding.
const benchDecode = "LOAXA_BENCH_DECODE"

// BenchmarkDecoding is BenchmarkCPU's child.
func BenchmarkDecoding(b *testing.B) {
	file, err := os.ReadFile(os.Getenv(benchDecode))
	if err != nil {
		b.Skip("run by BenchmarkCPU")
	}
	runtime.GOMAXPROCS(1)
	dec, err := sound.NewDecoder(bytes.NewReader(file), sound.Span{Frames: framesOf(b, file)})
	if err != nil {
		b.Fatal(err)
	}
	tick := time.NewTicker(radio.SamplesDuration(ahead - low))
	defer tick.Stop()
	buf := make([]int16, radio.FrameSamples)
	for given := 0; ; {
		n, err := dec.Read(buf)
		if err == io.EOF {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
		if given += n; given >= ahead-low {
			given -= ahead - low
			<-tick.C
		}
	}
}

// cpuOf a process and of its own that it has waited for.
func cpuOf(cmd *exec.Cmd) float64 {
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
}

// cpuTable compares what players take, a minute of sound once it runs, and for the
// whole file, with mpg123.
func cpuTable(players []part) string {
	i := slices.IndexFunc(players, func(p part) bool { return p.Name == cpuMpg123 })
	if i < 0 {
		return ""
	}
	base := players[i]
	running := func(p part) float64 { return (p.Seconds - p.Start) / p.Of * 60 }
	var t strings.Builder
	fmt.Fprintf(&t, "\nCPU time of %.0f s of sound in house format, all of them at once on one sound server:\n\n", base.Of)
	fmt.Fprint(&t, "| | whole, s | × mpg123 | start and end, s | running, s a minute | × mpg123 |\n|---|---|---|---|---|---|\n")
	for _, p := range players {
		fmt.Fprintf(&t, "| %s | %.2f | %.2f | %.3f | %.3f | %.2f |\n", strings.TrimPrefix(p.Name, "cpu "),
			p.Seconds, p.Seconds/base.Seconds, p.Start, running(p), running(p)/running(base))
	}
	return t.String()
}
