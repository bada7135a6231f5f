package explain

import (
	"context"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
)

const (
	// lastAirings is how many airings that are over a diagnosis looks at.
	lastAirings = 6
	// restartsWithin and diskLow are what rules call often and little.
	restartsWithin = 24 * time.Hour
	diskLow        = 50 << 20
	// arriving is how long a programme may be on its way before that is told.
	arriving = 10 * time.Minute
	// certificateSoon as the centre's faults count it.
	certificateSoon = 30 * 24 * time.Hour
)

// signs are what is known of a cluster without going there. What a device said counts
// only while it is connected: else the rules before that end.
type signs struct {
	enrolled, revoked, retired bool
	// heard: it has ever sent a report.
	heard, online bool
	lastSeen      string
	lastSeenAt    radio.Millis
	// around are the other enrolled clusters of the commune, away those of them that are
	// not connected.
	around, away int
	turnedAway   bool // the broker refuses its identity
	cloned       bool
	clock        radio.SignState
	assumed      bool // its clock is only assumed
	output       radio.SignState
	outputError  string
	soundless    bool // runs without a sound device
	amplifier    radio.SignState
	freeBytes    int64
	measuredDisk bool
	synced       bool // holds the newest programme, or that is still on its way
	issuedAt     string
	missing      int // audio files that are not on it and should be
	waiting      int // audio files that it fetches before their airing
	unproven     int // audio files it refuses
	restarts     int // since yesterday
	crashes      int
	volumeDB     float64
	paused       bool
	unsent       uint64 // records of its journal that the centre has not got
	certificate  string // end of the certificate, when that is near or past
	// last are the outcomes of the last planned airings, the newest first; an airing that
	// is overdue counts as silent.
	last []verdict
	mute bool // more than half of what sounded last was digital silence
}

type verdict struct {
	outcome radio.Outcome
	reason  radio.Reason
}

// running counts the newest airings on end that fit.
func (s signs) running(fits func(verdict) bool) int {
	for n, v := range s.last {
		if !fits(v) {
			return n
		}
	}
	return len(s.last)
}

func (s signs) because(r radio.Reason) int {
	return s.running(func(v verdict) bool { return v.reason == r && v.outcome != radio.Aired })
}

func (s signs) silent() int {
	return s.running(func(v verdict) bool { return v.outcome == radio.Silent })
}

// Diagnose tells what is likely wrong with a device now, and what to do about it.
func (e *Explainer) Diagnose(ctx context.Context, d radio.DeviceID) (radio.Diagnosis, error) {
	w, err := e.world(ctx, d, radio.At(e.now()))
	if err != nil {
		return radio.Diagnosis{}, fmt.Errorf("diagnose device %.32s: %w", d, err)
	}
	x, err := w.diagnosis(ctx)
	if err != nil {
		return radio.Diagnosis{}, fmt.Errorf("diagnose device %s: %w", w.place.Device.Code, err)
	}
	return *x, nil
}

func (w *world) diagnosis(ctx context.Context) (*radio.Diagnosis, error) {
	s, err := w.signs(ctx)
	if err != nil {
		return nil, err
	}
	x := judge(s)
	x.At = w.now
	return &x, nil
}

// judge holds the signs against the table of rules. It is pure.
func judge(s signs) radio.Diagnosis {
	x := radio.Diagnosis{Findings: []radio.Finding{}, Signs: s.shown()}
	for _, r := range rules {
		if !r.fits(s) {
			continue
		}
		f := radio.Finding{Rule: r.id}
		f.VI, f.EN = r.seen(s).both()
		f.DoVI, f.DoEN = r.do.both()
		x.Findings = append(x.Findings, f)
		if r.ends {
			break
		}
	}
	return x
}

func (w *world) signs(ctx context.Context) (signs, error) {
	v, d := w.view, w.place.Device
	s := signs{enrolled: d.Enrolled != 0, revoked: d.Revoked != 0, retired: d.Retired != 0, heard: v.Status != nil || v.State.LastSeen != 0, online: v.Online,
		lastSeenAt: v.State.LastSeen, clock: radio.SignUnknown, output: radio.SignUnknown, amplifier: radio.SignUnknown, synced: true}
	if v.State.LastSeen != 0 {
		s.lastSeen = w.minute(v.State.LastSeen)
	}
	if c := v.Certified; s.enrolled && c != 0 && c.Sub(w.now) < certificateSoon {
		s.certificate = w.minute(c)
	}
	if err := w.neighbours(ctx, &s); err != nil {
		return s, err
	}
	w.reported(&s)
	faults, err := w.Devices.Faults(ctx, radio.FaultFilter{Device: d.ID, Kind: radio.FaultCloned}, "", 1)
	if err != nil {
		return s, err
	}
	s.cloned = len(faults.Faults) > 0
	events, err := w.Devices.DeviceEvents(ctx, d.ID, w.now.Add(-restartsWithin), w.now.Add(step))
	if err != nil {
		return s, err
	}
	for _, h := range events {
		if b := h.Record.Booted; b != nil {
			s.restarts++
			if b.Why == "crash" {
				s.crashes++
			}
		}
	}
	return s, w.lately(ctx, &s)
}

// neighbours counts the other clusters of the commune.
func (w *world) neighbours(ctx context.Context, s *signs) error {
	views, err := w.Fleet.Views(ctx)
	for _, v := range views {
		if v.Place.Device.Enrolled == 0 || v.Place.Device.ID == w.place.Device.ID || v.Place.Commune().ID != w.place.Commune().ID {
			continue
		}
		s.around++
		if !v.Online {
			s.away++
		}
	}
	return err
}

// reported takes over what the device says of itself.
func (w *world) reported(s *signs) {
	r := w.view.Status
	if r == nil {
		return
	}
	s.turnedAway = r.Link.Refused
	switch r.Clock.State {
	case "trusted", "holdover":
		s.clock = radio.SignFine
	case "untrusted":
		s.clock = radio.SignBad
	}
	s.assumed = r.Clock.Source == radio.ClockAssumed
	s.outputError = r.Output.Error
	switch {
	case r.Output.State == "failed":
		s.output = radio.SignBad
	case r.Output.State != "":
		s.output = radio.SignFine
	}
	s.soundless = r.Output.Driver == "null"
	switch r.Output.Amplifier {
	case radio.AmplifierFailed:
		s.amplifier = radio.SignBad
	case "":
	default:
		s.amplifier = radio.SignFine
	}
	s.freeBytes, s.measuredDisk = r.Disk.FreeBytes, r.Disk.TotalBytes > 0
	issued := w.view.Issued["programme"]
	s.synced = r.Revisions.Programme >= issued.Revision || w.now.Sub(issued.IssuedAt) < arriving
	s.issuedAt = w.minute(issued.IssuedAt)
	for _, a := range r.Audio {
		switch {
		case a.Refused:
			s.unproven++
		case !a.Ready && r.AudioWaits(a.Due):
			s.waiting++
		case !a.Ready:
			s.missing++
		}
	}
	s.volumeDB, s.paused = r.VolumeDB, r.Paused
	if r.Journal.Head > r.Journal.Acked {
		s.unsent = r.Journal.Head - r.Journal.Acked
	}
	for _, c := range r.Last { // the newest first
		if c.Consumed > 0 {
			s.mute = c.SilenceMS > 0 && 2*time.Duration(c.SilenceMS)*time.Millisecond > radio.SamplesDuration(c.Consumed)
			break
		}
	}
}

// lately reads what became of the last planned airings.
func (w *world) lately(ctx context.Context, s *signs) error {
	var rows []radio.AsRun
	to := w.now
	for _, back := range []time.Duration{6 * time.Hour, 24 * time.Hour, 72 * time.Hour} {
		from := w.now.Add(-back)
		older, err := w.Log.Sounded(ctx, w.place.Device.ID, from, to)
		if err != nil {
			return err
		}
		rows, to = append(older, rows...), from
		if len(rows) >= lastAirings {
			break
		}
	}
	for _, r := range slices.Backward(rows) {
		if !r.Planned() || len(s.last) == lastAirings {
			continue
		}
		v := verdict{r.Outcome, r.Reason}
		if r.Outcome == radio.PendingOutcome {
			if w.now < r.End().Add(overdue) {
				continue // its word may still be on its way
			}
			v.outcome = radio.Silent
		}
		s.last = append(s.last, v)
	}
	return nil
}

// shown lists what was looked at, for people who want to see it.
func (s signs) shown() []radio.Sign {
	out := []radio.Sign{}
	add := func(name string, state radio.SignState, w words) {
		out = append(out, radio.Sign{Name: name, State: state, VI: w.vi, EN: w.en})
	}
	is := func(bad bool) radio.SignState {
		if bad {
			return radio.SignBad
		}
		return radio.SignFine
	}
	if !s.enrolled {
		add("identity", radio.SignBad, say("chưa đăng ký", "not enrolled"))
		return out
	}
	link := say("đang kết nối", "connected")
	if !s.online {
		link = say("mất kết nối", "not connected")
		if s.lastSeen != "" {
			link = say("mất kết nối, liên lạc cuối %s", "not connected, last heard of at %s", s.lastSeen)
		}
	}
	add("link", is(!s.online), link)
	fresh := func(state radio.SignState) radio.SignState {
		if !s.online {
			return radio.SignUnknown
		}
		return state
	}
	clock := map[radio.SignState]words{radio.SignFine: say("đồng hồ tốt", "clock fine"), radio.SignBad: say("đồng hồ không tin cậy", "clock not trusted"), radio.SignUnknown: say("đồng hồ: không rõ", "clock: not known")}
	if s.online && s.assumed {
		add("clock", radio.SignBad, say("đồng hồ chỉ giả định", "clock only assumed"))
	} else {
		add("clock", fresh(s.clock), clock[fresh(s.clock)])
	}
	output := map[radio.SignState]words{radio.SignFine: say("đầu ra âm thanh tốt", "sound output fine"), radio.SignBad: say("đầu ra âm thanh bị lỗi", "sound output failed"), radio.SignUnknown: say("đầu ra âm thanh: không rõ", "sound output: not known")}
	if s.online && s.soundless {
		add("output", radio.SignBad, say("không có thiết bị âm thanh", "no sound device"))
	} else {
		add("output", fresh(s.output), output[fresh(s.output)])
	}
	sync := is(!s.synced)
	programme := say("đã nhận chương trình mới nhất", "holds the newest programme")
	if !s.synced {
		programme = say("chưa nhận chương trình mới nhất", "does not hold the newest programme")
	}
	if fresh(sync) == radio.SignUnknown {
		programme = say("chương trình: không rõ", "programme: not known")
	}
	add("programme", fresh(sync), programme)
	audio := say("đủ âm thanh", "all audio on it")
	switch {
	case s.missing+s.unproven > 0:
		audio = say("thiếu %d tệp âm thanh", "%d audio files missing", s.missing+s.unproven)
	case s.waiting > 0:
		audio = say("%d tệp âm thanh sẽ tải trước giờ phát", "%d audio files to be fetched before their airing", s.waiting)
	}
	if !s.online {
		audio = say("âm thanh: không rõ", "audio: not known")
	}
	add("audio", fresh(is(s.missing+s.unproven > 0)), audio)
	aired := s.running(func(v verdict) bool { return v.outcome == radio.Aired })
	switch {
	case len(s.last) == 0:
		add("airings", radio.SignUnknown, say("ba ngày qua không có lượt phát nào", "no airings in the last three days"))
	case aired == len(s.last):
		add("airings", radio.SignFine, say("%d lượt gần nhất đều đã phát", "the last %d airings all sounded", aired))
	case aired > 0:
		add("airings", radio.SignFine, say("lượt gần nhất đã phát", "the last airing sounded"))
	default:
		v := s.last[0]
		add("airings", radio.SignBad, say("lượt gần nhất: %s", "the last airing: %s", fate(v.outcome, v.reason)))
	}
	return out
}
