package fault

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"loaxa/internal/radio"
)

const (
	// readyBefore: a device has to be ready for an airing this long before it.
	readyBefore = 30 * time.Minute
	// underway: a programme issued less than this ago may still be on its way.
	underway = 2 * time.Minute
	// overdue: an airing is overdue this long after its planned end (design §3).
	overdue = 10 * time.Minute
	// certificateEnds: a certificate is a fault this long before its end. Devices renew at
	// two thirds of its life, so one that comes this far will not do it by itself.
	certificateEnds = 30 * 24 * time.Hour
	// sentAudio is how many audio files a report names at most, the missing ones first.
	sentAudio = 120
	// fallsOfClone: a device that lost its memory begins again with a low connection
	// number, once. A number that falls again and again is counted by two machines.
	fallsOfClone = 3
)

// steady is how long a trouble must last before its fault opens, and how long it must be
// over before the fault closes: what comes and goes is one fault. Zero where the rule
// itself looks back, or has two thresholds.
var steady = map[radio.FaultKind]struct{ open, close time.Duration }{
	radio.FaultOffline:     {0, time.Minute},
	radio.FaultNotReady:    {0, time.Minute},
	radio.FaultClock:       {2 * time.Minute, 2 * time.Minute},
	radio.FaultOutput:      {time.Minute, 2 * time.Minute},
	radio.FaultEmergency:   {30 * time.Minute, 0}, // a new device fetches 200 kB first, maybe over a slow line
	radio.FaultDisk:        {2 * time.Minute, 0},
	radio.FaultReported:    {time.Minute, 2 * time.Minute},
	radio.FaultCloned:      {0, time.Hour},
	radio.FaultCentre:      {2 * time.Minute, time.Minute},
	radio.FaultSilent:      {0, time.Minute},
	radio.FaultRefused:     {0, 0},
	radio.FaultCertificate: {0, 0},
}

var codeForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// verdict is what a rule says about one possible trouble.
type verdict int

const (
	fine    verdict = iota
	unknown         // nothing fresh is known: an open fault stays open, none is opened
	bad
)

// finding is a rule's word.
type finding struct {
	key   radio.FaultKey
	is    verdict
	cause radio.FaultCause
	// from is when the trouble began; 0 for now.
	from radio.Millis
}

// look is all that one judging of all devices knows beside the devices themselves.
type look struct {
	now radio.Millis
	// heard is since when the centre has been listening without a break: silence is
	// counted from there.
	heard radio.Millis
	// offlineAfter and assumedClocks are settings.
	offlineAfter  time.Duration
	assumedClocks bool
	coming        map[radio.DeviceID][]radio.ComingAirings
	quiet         map[radio.DeviceID]radio.QuietAirings
	forks         map[radio.DeviceID]int
	falls         map[radio.DeviceID]int
	returns       map[radio.DeviceID]int
	refused       map[radio.DeviceID]map[string]string // by document; "" when it was made
	held          map[radio.FaultKey]radio.Fault       // open now
}

// judge says what is to be said about one device. It is pure.
func (l *look) judge(v *radio.DeviceView) []finding {
	if v.Place.Device.Enrolled == 0 {
		return nil // nothing can be wrong with what is not there; open faults are closed
	}
	away := l.offline(v)
	out := []finding{away, l.notReady(v, away.is == bad), l.silent(v), l.cloned(v), l.certificate(v)}
	out = append(out, l.refusals(v)...)
	return append(out, l.reports(v)...)
}

// opened gives the fault that is open.
func (l *look) opened(v *radio.DeviceView, k radio.FaultKind, code string) (radio.Fault, bool) {
	f, ok := l.held[radio.FaultKey{Device: v.Place.Device.ID, Kind: k, Code: code}]
	return f, ok
}

func found(v *radio.DeviceView, k radio.FaultKind, is verdict, cause radio.FaultCause) finding {
	return finding{key: radio.FaultKey{Device: v.Place.Device.ID, Kind: k}, is: is, cause: cause}
}

// lastWord is when a device was last known to be there. Presence is unsigned: that it
// says "gone" only shortens the waiting, that it says "here" lengthens it as long as
// the signed reports come.
func lastWord(v *radio.DeviceView) radio.Millis {
	at := max(v.State.LastSeen, v.Place.Device.Enrolled)
	if !v.State.Alive {
		at = max(at, v.State.At)
	}
	return at
}

// lost gives since when a device may be missed, and whether that is long enough.
func (l *look) lost(v *radio.DeviceView) (since radio.Millis, long bool) {
	patience := l.offlineAfter
	if v.State.Alive {
		patience = max(patience, reportsWithin)
	}
	since = max(lastWord(v), l.heard)
	return since, l.now.Sub(since) > patience
}

func (l *look) offline(v *radio.DeviceView) finding {
	if f, open := l.opened(v, radio.FaultOffline, ""); open {
		// Only a word signed since then proves that it is back.
		if v.Online && v.State.LastSeen > f.Cause.At {
			return found(v, radio.FaultOffline, fine, radio.FaultCause{})
		}
		return found(v, radio.FaultOffline, bad, f.Cause)
	}
	since, long := l.lost(v)
	f := found(v, radio.FaultOffline, fine, radio.FaultCause{At: lastWord(v)})
	if long {
		f.is, f.from = bad, since
	}
	return f
}

// provedReady says fine once a device without coming airings reports the programme that
// was issued, and every audio of it.
func (l *look) provedReady(v *radio.DeviceView) verdict {
	s := v.Status
	if s == nil || s.Revisions.Programme < v.Issued["programme"].Revision ||
		slices.ContainsFunc(s.Audio, func(a radio.AudioStatus) bool { return !a.Ready }) {
		return unknown
	}
	return fine
}

func (l *look) notReady(v *radio.DeviceView, away bool) finding {
	coming := l.coming[v.Place.Device.ID]
	say := func(is verdict, cause radio.FaultCause) finding { return found(v, radio.FaultNotReady, is, cause) }
	if len(coming) == 0 {
		// The slot has passed: that mended nothing. What is open closes on proof only.
		if _, open := l.opened(v, radio.FaultNotReady, ""); open {
			return say(l.provedReady(v), radio.FaultCause{})
		}
		return say(fine, radio.FaultCause{})
	}
	first := slices.MinFunc(coming, func(a, b radio.ComingAirings) int { return int(a.Start - b.Start) })
	cause := radio.FaultCause{At: first.Start, Title: first.Title}
	issued, s := v.Issued["programme"], v.Status
	switch {
	case away:
		cause.Why = radio.CauseNoWord
		return say(bad, cause)
	case s == nil:
		return say(unknown, cause) // it speaks, or will soon be offline
	case s.Revisions.Programme < issued.Revision && l.now.Sub(issued.IssuedAt) < underway:
		return say(unknown, cause)
	case s.Revisions.Programme < issued.Revision:
		cause.Why, cause.Has, cause.Wanted = radio.CauseRevision, s.Revisions.Programme, issued.Revision
		return say(bad, cause)
	}
	if missing := missingAudio(s.Audio, coming); len(missing) > 0 {
		first := slices.MinFunc(missing, func(a, b radio.ComingAirings) int { return int(a.Start - b.Start) })
		return say(bad, radio.FaultCause{Why: radio.CauseAudio, At: first.Start, Title: first.Title, Count: len(missing)})
	}
	return say(fine, cause)
}

// missingAudio lists what is to be played without being on the device, by its report.
func missingAudio(audio []radio.AudioStatus, coming []radio.ComingAirings) []radio.ComingAirings {
	var out []radio.ComingAirings
	for _, c := range coming {
		i := slices.IndexFunc(audio, func(a radio.AudioStatus) bool { return a.SHA256 == c.SHA256 })
		// A report that is full names the missing ones first.
		if i >= 0 && !audio[i].Ready || i < 0 && len(audio) < sentAudio {
			out = append(out, c)
		}
	}
	return out
}

func (l *look) silent(v *radio.DeviceView) finding {
	q := l.quiet[v.Place.Device.ID]
	switch {
	case l.now.Sub(l.heard) < overdue:
		return found(v, radio.FaultSilent, unknown, radio.FaultCause{}) // word may be waiting for us
	case q.Quiet >= 2:
		return found(v, radio.FaultSilent, bad, radio.FaultCause{At: q.First, Title: q.Title, Count: q.Quiet})
	case q.Quiet == 1:
		return found(v, radio.FaultSilent, unknown, radio.FaultCause{})
	}
	return found(v, radio.FaultSilent, fine, radio.FaultCause{})
}

func (l *look) cloned(v *radio.DeviceView) finding {
	id := v.Place.Device.ID
	if n := l.returns[id]; n >= radio.ReturnsOfClone {
		return found(v, radio.FaultCloned, bad, radio.FaultCause{Why: "machine", Count: n})
	}
	if n := l.forks[id]; n > 0 {
		return found(v, radio.FaultCloned, bad, radio.FaultCause{Why: "journal", Count: n})
	}
	if n := l.falls[id]; n >= fallsOfClone {
		return found(v, radio.FaultCloned, bad, radio.FaultCause{Why: "connection", Count: n})
	}
	return found(v, radio.FaultCloned, fine, radio.FaultCause{})
}

func (l *look) certificate(v *radio.DeviceView) finding {
	if v.Certified != 0 && v.Certified.Sub(l.now) < certificateEnds {
		return found(v, radio.FaultCertificate, bad, radio.FaultCause{At: v.Certified})
	}
	return found(v, radio.FaultCertificate, fine, radio.FaultCause{})
}

// refusals are the documents that dispatch could not make. What it has not tried yet,
// since the centre started, is unknown.
func (l *look) refusals(v *radio.DeviceView) []finding {
	var out []finding
	said := l.refused[v.Place.Device.ID]
	for _, document := range []string{"programme", "policy", "settings"} {
		f := found(v, radio.FaultRefused, unknown, radio.FaultCause{})
		f.key.Code = document
		if why, ok := said[document]; ok {
			f.is = fine
			if why != "" {
				f.is, f.cause.Text = bad, why
			}
		}
		out = append(out, f)
	}
	return out
}

// reports judges what the device says of itself. One that is away says nothing new.
func (l *look) reports(v *radio.DeviceView) []finding {
	var out []finding
	s := v.Status
	clock, output, disk := found(v, radio.FaultClock, unknown, radio.FaultCause{}), found(v, radio.FaultOutput, unknown, radio.FaultCause{}), found(v, radio.FaultDisk, unknown, radio.FaultCause{})
	said := map[string]bool{}
	if s != nil && v.Online {
		clock.is, clock.cause = l.clock(s.Clock)
		output.is = fine
		if s.Output.State == "failed" {
			output.is, output.cause.Text = bad, s.Output.Error
		}
		disk.is, disk.cause = diskVerdict(s.Disk)
		for _, f := range s.Faults {
			switch f.Code {
			// One trouble is one fault, whoever noticed it first.
			case "clock":
				clock.is, clock.cause.Text = bad, f.Text
			case "output":
				output.is, output.cause.Text = bad, f.Text
			case "disk":
				disk.is, disk.cause.Text = bad, f.Text
			default:
				code := f.Code
				if !codeForm.MatchString(code) {
					code = "other" // it comes from outside
				}
				if said[code] {
					continue
				}
				said[code] = true
				r := found(v, radio.FaultReported, bad, radio.FaultCause{Text: f.Text, At: f.Since})
				r.key.Code = code
				out = append(out, r)
			}
		}
	}
	return append(out, clock, output, disk, emergencySet(v))
}

// emergencySet: in the storm it is too late to fetch it. An older agent says nothing of it.
func emergencySet(v *radio.DeviceView) finding {
	f := found(v, radio.FaultEmergency, unknown, radio.FaultCause{})
	if s := v.Status; s != nil && v.Online && len(s.Emergency) > 0 {
		f.is = fine
		if missing := s.Unready(); len(missing) > 0 {
			f.is, f.cause.Why = bad, strings.Trim(fmt.Sprint(missing), "[]")
		}
	}
	return f
}

func (l *look) clock(c radio.ClockStatus) (verdict, radio.FaultCause) {
	switch {
	case c.State == "":
		return unknown, radio.FaultCause{}
	case c.State == "untrusted", c.Source == "assumed" && !l.assumedClocks:
		return bad, radio.FaultCause{Why: c.Source}
	}
	return fine, radio.FaultCause{}
}

// diskVerdict has two thresholds, so that what is deleted and fetched again does not
// open and close a fault all day.
func diskVerdict(d radio.DiskStatus) (verdict, radio.FaultCause) {
	cause := radio.FaultCause{Has: d.FreeBytes, Wanted: d.TotalBytes}
	switch {
	case d.TotalBytes <= 0:
		return unknown, cause // not measured
	case d.FreeBytes < 100<<20 || d.FreeBytes*20 < d.TotalBytes:
		return bad, cause
	case d.FreeBytes > 150<<20 && d.FreeBytes*100 > 7*d.TotalBytes:
		return fine, cause
	}
	return unknown, cause
}
