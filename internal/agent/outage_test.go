//go:build cgo && !noaudio

package agent

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/agent/player"
	"loaxa/internal/agent/playout"
	"loaxa/internal/agent/status"
	"loaxa/internal/clock"
	"loaxa/internal/e2e/soundlab"
	"loaxa/internal/radio"
	"loaxa/internal/sound"
)

// outage is a desk with a real player on a sound server that fails: one bulletin of
// 42 s, due at ten o'clock, which is six seconds after the start.
type outage struct {
	t       *testing.T
	lab     *soundlab.Lab
	due     time.Duration // Mono
	audio   []byte
	nonZero float64 // share of its samples
	stop    func()

	mu      sync.Mutex
	records []radio.Record
	result  chan radio.Confirmation
	heard   int // samples that were recorded
}

// Begun, Unfinished and Append are a journal without a disk.
func (o *outage) Sounded(context.Context, int) ([]radio.Sounded, error) { return nil, nil }

func (o *outage) Begun(radio.AiringID) (bool, error) { return false, nil }
func (o *outage) Unfinished(context.Context) ([]radio.AiringRecord, map[radio.AiringID]int64, error) {
	return nil, nil, nil
}
func (o *outage) Append(_ context.Context, r radio.Record) (radio.Record, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.records = append(o.records, r)
	if r.Result != nil {
		o.result <- *r.Result
	}
	return r, nil
}

// faults are the changes of the output's fault, in order; what each was goes to the
// test's log.
func (o *outage) faults() []bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []bool
	for _, r := range o.records {
		if r.Fault != nil && r.Fault.Code == playout.FaultOutput {
			all = append(all, r.Fault.Open)
			o.t.Log("fault", r.Fault.Open, r.Fault.Text)
		}
	}
	return all
}

// fixedPlan and fixedAudio never change.
type fixedPlan struct{ prog *radio.Programme }

func (p fixedPlan) Programme() (*radio.Programme, bool) { return p.prog, true }
func (p fixedPlan) Policy() radio.Policy                { return radio.DefaultPolicy("UTC") }
func (p fixedPlan) Settings() radio.Settings            { return radio.Settings{Rendition: radio.MainKbps} }
func (p fixedPlan) Changed() <-chan struct{}            { return nil }
func (p fixedPlan) CheckApproval(*radio.Programme, radio.BulletinID, int) error {
	return nil
}

type fixedAudio []byte

func (a fixedAudio) Ready(radio.SHA256) bool { return true }
func (a fixedAudio) Open(radio.SHA256) (playout.AudioReader, error) {
	return io.NopCloser(bytes.NewReader(a)), nil
}
func (a fixedAudio) Verify(radio.SHA256) error { return nil }
func (a fixedAudio) Changed() <-chan struct{}  { return nil }

// outageProgramme holds the bulletin, due at ten o'clock.
func outageProgramme(now time.Time, r radio.Rendition) *radio.Programme {
	bulletin := radio.NewID[radio.BulletinID]()
	return &radio.Programme{Device: radio.NewID[radio.DeviceID](), Revision: 1, IssuedAt: radio.At(now.Add(-time.Hour)),
		NotAfter: radio.At(now.Add(24 * time.Hour)), Zone: "UTC",
		Audio: []radio.ProgrammeAudio{{Bulletin: bulletin, Version: 1, Title: "outage", Renditions: []radio.Rendition{r}}},
		Slots: []radio.ProgrammeSlot{{Schedule: radio.NewID[radio.ScheduleID](), Slot: radio.NewID[radio.SlotID](),
			Priority: radio.Normal, Cron: "0 10 * * *", GraceSeconds: 120,
			Items: []radio.Item{{Entry: radio.NewID[radio.EntryID](), Kind: radio.KindAudio, Bulletin: bulletin, Version: 1, Repeat: 1}}}}}
}

func newOutage(t *testing.T, driver string, up bool) *outage {
	t.Helper()
	o := &outage{t: t, lab: soundlab.Start(t), result: make(chan radio.Confirmation, 10)}
	if !up {
		o.lab.Kill()
	}
	one, err := os.ReadFile("../sound/testdata/house-64.mp3")
	if err != nil {
		t.Fatal(err)
	}
	o.audio = bytes.Repeat(one, 13)
	w, err := sound.Walk(bytes.NewReader(o.audio))
	if err != nil {
		t.Fatal(err)
	}
	r := radio.Rendition{SHA256: w.SHA256, Kbps: w.Kbps, Bytes: w.Bytes, Frames: w.Frames, Samples: int64(w.Frames) * radio.FrameSamples}
	o.measure(r)

	wall := time.Now().UTC()
	offset := time.Date(wall.Year(), wall.Month(), wall.Day(), 10, 0, 0, 0, time.UTC).Sub(wall) - 6*time.Second
	log := slog.New(slog.DiscardHandler)
	clk, err := clock.New(clock.Options{Assumed: true, Offset: offset}, log)
	if err != nil {
		t.Fatal(err)
	}
	o.due = clock.Mono() + 6*time.Second
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := player.New(player.Config{Command: []string{self}, Env: append(append(os.Environ(), o.lab.Env(soundlab.Sink1)...), bePlayer+"=1")}, log)
	if err != nil {
		t.Fatal(err)
	}
	desk := playout.New(playout.Rooms{Clock: clk, Plan: fixedPlan{outageProgramme(clk.Now(), r)}, Audio: fixedAudio(o.audio), Journal: o,
		Player: &players{player: p, output: output.Config{Driver: driver}, log: log}, Faults: status.NewFaults(o, func() radio.Millis { return radio.At(clk.Now()) }, log)}, log)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- desk.Run(ctx) }()
	o.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(o.stop)
	return o
}

// measure counts how many of the bulletin's samples are not zero, so that what was
// heard can be counted in a recording.
func (o *outage) measure(r radio.Rendition) {
	dec, err := sound.NewDecoder(bytes.NewReader(o.audio), sound.SpanOf(r))
	if err != nil {
		o.t.Fatal(err)
	}
	buf, loud := make([]int16, 4096), 0
	for {
		n, err := dec.Read(buf)
		loud += nonZero(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			o.t.Fatal(err)
		}
	}
	o.nonZero = float64(loud) / float64(r.Samples)
}

func nonZero(pcm []int16) (n int) {
	for _, v := range pcm {
		if v != 0 {
			n++
		}
	}
	return n
}

// until waits for an instant after the bulletin is due.
func (o *outage) until(d time.Duration) {
	late := time.NewTimer(o.due + d - clock.Mono())
	defer late.Stop()
	<-late.C
}

// hear ends a recording, adds what sounded in it, and gives when that began.
func (o *outage) hear(rec *soundlab.Recording) (begins time.Duration) {
	o.t.Helper()
	s := rec.Stop(o.t)
	o.heard += int(float64(nonZero(s.Left)) / o.nonZero)
	first := s.FirstSound()
	if first < 0 {
		o.t.Fatal("nothing sounded")
	}
	return s.MonoAt(first)
}

// TestRerouted: a sound server that sends the stream to another output in the middle of the
// bulletin costs nothing: all of it sounds, at one or the other, and is told as heard. No
// fault is opened: the driver is not told where its samples go.
func TestRerouted(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	for _, driver := range []string{output.DriverALSA, output.DriverOto} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			o := newOutage(t, driver, true)
			before, after := o.lab.Record(t, soundlab.Sink1), o.lab.Record(t, soundlab.Sink2)
			o.until(7 * time.Second)
			if n := o.lab.Reroute(t, soundlab.Sink2); n != 1 {
				t.Errorf("%d streams moved", n)
			}
			moved := clock.Mono()
			c := <-o.result
			o.stop()
			o.hear(before)
			back := o.hear(after) - moved
			told, heard := radio.SamplesDuration(c.Consumed), radio.SamplesDuration(int64(o.heard))
			t.Logf("%s: %v told, %v heard, at the other output %v after the move", c.Outcome, told, heard, back)
			if c.Outcome != radio.Aired || told > heard+500*time.Millisecond || told < heard-time.Second || back > 5*time.Second {
				t.Errorf("%s (%s): %v told, %v heard, back after %v", c.Outcome, c.Reason, told, heard, back)
			}
			if faults := o.faults(); len(faults) != 0 {
				t.Errorf("faults %v", faults)
			}
		})
	}
}

// TestOutages: whatever becomes of the sound server, the bulletin is back within five
// seconds of it, the seconds confirmed are those that sounded, and there is one fault,
// opened once and closed once.
func TestOutages(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	tests := map[string]struct {
		up     bool
		outage func(o *outage) (before *soundlab.Recording)
	}{
		"missing at the start": {false, func(o *outage) *soundlab.Recording {
			o.until(7 * time.Second)
			return nil
		}},
		"killed and started again": {true, func(o *outage) *soundlab.Recording {
			rec := o.lab.Record(o.t, soundlab.Sink1)
			o.until(7 * time.Second)
			o.lab.Kill()
			o.until(12 * time.Second)
			return rec
		}},
		"hung": {true, func(o *outage) *soundlab.Recording {
			rec := o.lab.Record(o.t, soundlab.Sink1)
			o.until(7 * time.Second)
			o.lab.Hang(o.t)
			o.until(16 * time.Second)
			return rec
		}},
	}
	for name, test := range tests {
		for _, driver := range []string{output.DriverALSA, output.DriverOto} {
			t.Run(name+" "+driver, func(t *testing.T) {
				t.Parallel()
				o := newOutage(t, driver, test.up)
				rec := test.outage(o)
				if rec != nil {
					o.hear(rec)
				}
				back := clock.Mono()
				if name == "hung" {
					o.lab.Resume(t)
				} else {
					o.lab.Revive(t)
				}
				rec = o.lab.Record(t, soundlab.Sink1)
				c := <-o.result
				// What the ring still holds leaves before the player goes.
				o.stop()
				late := o.hear(rec) - back
				t.Logf("sound %v after the device was back", late)
				if late > 5*time.Second {
					t.Errorf("sound only %v after the device was back", late)
				}
				told, heard := radio.SamplesDuration(c.Consumed), radio.SamplesDuration(int64(o.heard))
				t.Logf("%s: %v told, %v heard", c.Outcome, told, heard)
				if told > heard+500*time.Millisecond || told < heard-time.Second || c.Outcome != radio.Partial || c.Reason != radio.ReasonOutput {
					t.Errorf("%s (%s): %v told, %v heard", c.Outcome, c.Reason, told, heard)
				}
				if faults := o.faults(); !slices.Equal(faults, []bool{true, false}) {
					t.Errorf("faults %v, want one opened and closed", faults)
				}
			})
		}
	}
}
