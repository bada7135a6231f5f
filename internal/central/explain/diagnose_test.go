package explain

import (
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

// healthy is a cluster with nothing to be said about it.
func healthy() signs {
	aired := verdict{radio.Aired, ""}
	return signs{enrolled: true, heard: true, online: true, lastSeen: "05:00 23/11/2026", lastSeenAt: 1, around: 5, clock: radio.SignFine, output: radio.SignFine, amplifier: radio.SignFine,
		freeBytes: 1 << 30, measuredDisk: true, synced: true, issuedAt: "04:00 23/11/2026", restarts: 1, last: []verdict{aired, aired, aired}}
}

func last(outcome radio.Outcome, reason radio.Reason, n int) []verdict {
	return append(slices.Repeat([]verdict{{outcome, reason}}, n), verdict{radio.Aired, ""})
}

// TestRules holds the whole table: every rule fits where it should, alone, and not just
// beside it.
func TestRules(t *testing.T) {
	cases := []struct {
		name   string
		change func(*signs)
		want   []string
	}{
		{"healthy", func(*signs) {}, nil},
		{"retired", func(s *signs) { s.enrolled, s.retired, s.revoked = false, true, true }, []string{"retired"}},
		{"revoked", func(s *signs) { s.enrolled, s.revoked = false, true }, []string{"revoked"}},
		{"not enrolled", func(s *signs) { s.enrolled = false }, []string{"not_enrolled"}},
		{"never heard of", func(s *signs) { s.heard, s.online = false, false }, []string{"never_heard"}},
		{"the area is out", func(s *signs) { s.online, s.away = false, 4 }, []string{"area_out"}},
		{"some of the area is out", func(s *signs) { s.online, s.away = false, 3 }, []string{"offline"}},
		{"alone in its commune", func(s *signs) { s.online, s.around, s.away = false, 1, 1 }, []string{"offline"}},
		{"offline hides what it said before", func(s *signs) {
			s.online, s.clock, s.output, s.last = false, radio.SignBad, radio.SignBad, last(radio.Failed, radio.ReasonOutput, 3)
		}, []string{"offline"}},
		{"its broker turns it away", func(s *signs) { s.turnedAway = true }, []string{"turned_away"}},
		{"cloned", func(s *signs) { s.cloned = true }, []string{"cloned"}},
		{"no output for 2 slots, link fine, clock fine", func(s *signs) { s.output, s.last = radio.SignBad, last(radio.Failed, radio.ReasonOutput, 2) }, []string{"no_output"}},
		{"no output, partly aired", func(s *signs) { s.last = last(radio.Partial, radio.ReasonOutput, 2) }, []string{"no_output"}},
		{"no output once", func(s *signs) { s.last = last(radio.Failed, radio.ReasonOutput, 1) }, nil},
		{"no output, and the clock is wrong", func(s *signs) { s.clock, s.last = radio.SignBad, last(radio.Failed, radio.ReasonOutput, 2) }, []string{"clock"}},
		{"no output, then it sounded", func(s *signs) {
			s.last = []verdict{{radio.Aired, ""}, {radio.Failed, radio.ReasonOutput}, {radio.Failed, radio.ReasonOutput}}
		}, nil},
		{"output failed between slots", func(s *signs) { s.output, s.outputError = radio.SignBad, "no such device" }, []string{"output_failed"}},
		{"output failed without words", func(s *signs) { s.output = radio.SignBad }, []string{"output_failed"}},
		{"no sound device", func(s *signs) { s.soundless = true }, []string{"soundless"}},
		{"amplifier", func(s *signs) { s.amplifier = radio.SignBad }, []string{"amplifier"}},
		{"no amplifier switch", func(s *signs) { s.amplifier = radio.SignUnknown }, nil},
		{"clock", func(s *signs) { s.clock, s.last = radio.SignBad, last(radio.Missed, radio.ReasonClock, 3) }, []string{"clock"}},
		{"clock not known", func(s *signs) { s.clock = radio.SignUnknown }, nil},
		{"assumed clock", func(s *signs) { s.assumed = true }, []string{"assumed_clock"}},
		{"crashes", func(s *signs) { s.crashes, s.restarts = 2, 5 }, []string{"crashes"}},
		{"one crash", func(s *signs) { s.crashes, s.restarts = 1, 3 }, nil},
		{"restarts", func(s *signs) { s.restarts = 4 }, []string{"restarts"}},
		{"power cut at the slots", func(s *signs) { s.last = last(radio.Missed, radio.ReasonOff, 2) }, []string{"power_cuts"}},
		{"power cut once", func(s *signs) { s.last = last(radio.Missed, radio.ReasonOff, 1) }, nil},
		{"no confirmations", func(s *signs) { s.last, s.unsent = last(radio.Silent, "", 2), 40 }, []string{"journal_stuck"}},
		{"disk full, and so no audio", func(s *signs) { s.freeBytes, s.missing = 1<<20, 3 }, []string{"disk_full"}},
		{"disk not measured", func(s *signs) { s.freeBytes, s.measuredDisk = 0, false }, nil},
		{"audio not fetched yet", func(s *signs) { s.waiting = 3 }, nil},
		{"audio lacks", func(s *signs) { s.missing = 3 }, []string{"no_audio"}},
		{"the last airing lacked its audio", func(s *signs) { s.last = last(radio.Missed, radio.ReasonNoAudio, 1) }, []string{"no_audio"}},
		{"audio without a signature", func(s *signs) { s.unproven = 2 }, []string{"unproven"}},
		{"the last airing had no signature", func(s *signs) { s.last = last(radio.Refused, radio.ReasonSignature, 1) }, []string{"unproven"}},
		{"not synced", func(s *signs) { s.synced = false }, []string{"not_synced"}},
		{"permitted hours", func(s *signs) { s.last = last(radio.Refused, radio.ReasonPolicy, 2) }, []string{"policy"}},
		{"decoder", func(s *signs) { s.last = last(radio.Failed, radio.ReasonDecoder, 2) }, []string{"decoder"}},
		{"paused", func(s *signs) { s.paused = true }, []string{"paused"}},
		{"turned down", func(s *signs) { s.volumeDB = -20 }, []string{"quiet"}},
		{"turned down a little", func(s *signs) { s.volumeDB = -19.5 }, nil},
		{"silence in the file", func(s *signs) { s.mute = true }, []string{"mute_audio"}},
		{"certificate", func(s *signs) { s.certificate = "05:00 01/12/2026" }, []string{"certificate"}},
		{"two things at once", func(s *signs) { s.paused, s.clock = true, radio.SignBad }, []string{"clock", "paused"}},
	}
	used := map[string]bool{}
	for _, c := range cases {
		s := healthy()
		c.change(&s)
		x := judge(s)
		var got []string
		for _, f := range x.Findings {
			got = append(got, f.Rule)
			used[f.Rule] = true
			for _, text := range []string{f.VI, f.EN, f.DoVI, f.DoEN} {
				if text == "" || strings.Contains(text, "%!") {
					t.Errorf("%s: %s says %q", c.name, f.Rule, text)
				}
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		for _, sign := range x.Signs {
			if sign.VI == "" || sign.EN == "" || strings.Contains(sign.VI+sign.EN, "%!") {
				t.Errorf("%s: sign %+v", c.name, sign)
			}
		}
	}
	for _, r := range rules {
		if !used[r.id] {
			t.Errorf("no case for rule %s", r.id)
		}
	}
}

// TestSigns: what is not known any more is not shown as fine.
func TestSigns(t *testing.T) {
	s := healthy()
	s.online = false
	for _, sign := range s.shown() {
		if want := map[string]radio.SignState{"link": radio.SignBad, "airings": radio.SignFine}[sign.Name]; want == "" && sign.State != radio.SignUnknown || want != "" && sign.State != want {
			t.Errorf("offline: %s is %s (%s)", sign.Name, sign.State, sign.EN)
		}
	}
	for _, sign := range healthy().shown() {
		if sign.State != radio.SignFine {
			t.Errorf("healthy: %s is %s (%s)", sign.Name, sign.State, sign.EN)
		}
	}
}
