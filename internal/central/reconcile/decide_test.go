package reconcile

import (
	"testing"
	"time"

	"loaxa/internal/radio"
)

func TestExcluded(t *testing.T) {
	for why, want := range map[radio.Reason]radio.Outcome{
		radio.NoReason: radio.PendingOutcome, radio.ReasonOverlap: radio.Missed,
		radio.ReasonExpired: radio.Refused, radio.ReasonNotYet: radio.Refused, radio.ReasonUnsupported: radio.Refused,
		radio.ReasonCommune: radio.Declined, radio.ReasonHeld: radio.Declined,
	} {
		if got, reason := excluded(why); got != want || reason != why {
			t.Errorf("%q: %s %s, want %s", why, got, reason, want)
		}
	}
}

// TestHear: a device's word meets every kind of row.
func TestHear(t *testing.T) {
	type row struct {
		from    string
		outcome radio.Outcome
		heard   int64 // samples
		stale   bool
	}
	for name, c := range map[string]struct {
		row   row
		word  radio.Outcome
		heard int64
		want  row
	}{
		"pending":                       {row{"", radio.PendingOutcome, 0, false}, radio.Aired, 100, row{"device", radio.Aired, 100, false}},
		"silent":                        {row{"centre", radio.Silent, 0, false}, radio.Aired, 100, row{"device", radio.Aired, 100, false}},
		"missed by the centre's word":   {row{"centre", radio.Missed, 0, false}, radio.Partial, 50, row{"device", radio.Partial, 50, false}},
		"excluded by the centre's word": {row{"centre", radio.Refused, 0, false}, radio.Missed, 0, row{"device", radio.Missed, 0, false}},
		"cancelled, yet it sounded":     {row{"centre", radio.Cancelled, 0, false}, radio.Aired, 100, row{"device", radio.Aired, 100, true}},
		"cancelled and did not sound":   {row{"centre", radio.Cancelled, 0, false}, radio.Refused, 0, row{"device", radio.Refused, 0, false}},
		"the same again":                {row{"device", radio.Aired, 100, false}, radio.Aired, 100, row{"device", radio.Aired, 100, false}},
		"forgot that it sounded":        {row{"device", radio.Aired, 100, true}, radio.Missed, 0, row{"device", radio.Aired, 100, true}},
		"remembers that it sounded":     {row{"device", radio.Missed, 0, false}, radio.Partial, 10, row{"device", radio.Partial, 10, false}},
		"cancelled, forgot, remembers":  {row{"device", radio.Partial, 10, true}, radio.Aired, 100, row{"device", radio.Aired, 100, true}},
	} {
		t.Run(name, func(t *testing.T) {
			in := radio.AsRunChange{Row: radio.AsRun{Airing: "A", From: c.row.from, Outcome: c.row.outcome, Consumed: c.row.heard, Stale: c.row.stale, Words: 3}}
			out := hear(in, radio.Confirmation{}, radio.Word{Outcome: c.word, Consumed: c.heard})
			got := row{out.Row.From, out.Row.Outcome, out.Row.Consumed, out.Row.Stale}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if out.Row.Words != 4 || len(out.Words) != 1 || out.Words[0].N != 4 || out.Words[0].Outcome != c.word || out.Words[0].From != radio.WordDevice {
				t.Errorf("history: %+v", out)
			}
		})
	}
}

func TestNotSynced(t *testing.T) {
	r := radio.AsRun{Revision: 10, Held: 20}
	for active, want := range map[int64]bool{0: true, 9: true, 10: false, 15: false, 20: false, 21: true} {
		if notSynced(r, active) != want {
			t.Errorf("active %d: want %v", active, want)
		}
	}
}

// TestFreeze: one airing, as the programme has it and as the row stands.
func TestFreeze(t *testing.T) {
	const hour = radio.Millis(3600_000)
	published := radio.At(time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC))
	key := radio.AiringKey{Device: radio.NewID[radio.DeviceID](), Schedule: radio.NewID[radio.ScheduleID](), Slot: radio.NewID[radio.SlotID](), SlotAt: published + hour, Entry: radio.NewID[radio.EntryID](), Repeat: 1}
	airing := func(after radio.Millis, why radio.Reason) *radio.Airing {
		return &radio.Airing{AiringKey: key, ID: key.ID(), Priority: radio.Normal, Kind: radio.KindAudio, Samples: 60 * radio.SampleRate,
			Offset: radio.DurationSamples((after - hour).Time().Sub(radio.Millis(0).Time())), Excluded: why}
	}
	row := func(after radio.Millis, from string, outcome radio.Outcome, reason radio.Reason) *radio.AsRun {
		return &radio.AsRun{Airing: key.ID(), Key: key, Origin: radio.FromSchedule, Start: published + after, Samples: 60 * radio.SampleRate, Expected: 60 * radio.SampleRate,
			Priority: radio.Normal, FrozenAt: 1, Revision: 3, Held: 4, Deadline: 77, From: from, Outcome: outcome, Reason: reason, Words: 1}
	}
	heardFirst := row(hour, radio.WordDevice, radio.Aired, "")
	heardFirst.FrozenAt, heardFirst.Deadline = 0, 0
	alert := row(hour, radio.WordDevice, radio.Aired, "")
	alert.Origin, alert.FrozenAt = radio.FromAlert, 0

	type result struct {
		outcome radio.Outcome
		reason  radio.Reason
		after   radio.Millis // start after the publication
		words   int          // added
		held    int64
	}
	pending := func(after radio.Millis, words int) *result {
		return &result{radio.PendingOutcome, "", after, words, 5}
	}
	for name, c := range map[string]struct {
		airing *radio.Airing
		row    *radio.AsRun
		same   bool // the programme is the one the rows were made from
		want   *result
	}{
		"new":                                 {airing(hour, ""), nil, false, pending(hour, 0)},
		"new by the passing of time":          {airing(hour, ""), nil, true, pending(hour, 0)},
		"new and excluded":                    {airing(hour, radio.ReasonOverlap), nil, false, &result{radio.Missed, radio.ReasonOverlap, hour, 1, 5}},
		"new and expired":                     {airing(hour, radio.ReasonExpired), nil, false, &result{radio.Refused, radio.ReasonExpired, hour, 1, 5}},
		"published at its instant":            {airing(0, ""), nil, false, nil},
		"published after its instant":         {airing(-hour, ""), nil, false, nil},
		"at the horizon":                      {airing(24*hour, ""), nil, false, pending(24*hour, 0)},
		"beyond the horizon":                  {airing(24*hour+1000, ""), nil, false, nil},
		"nothing new":                         {airing(hour, ""), row(hour, "", radio.PendingOutcome, ""), true, &result{radio.PendingOutcome, "", hour, 0, 5}},
		"held on":                             {airing(hour, ""), row(hour, "", radio.PendingOutcome, ""), false, pending(hour, 0)},
		"moved":                               {airing(2*hour, ""), row(hour, "", radio.PendingOutcome, ""), false, pending(2*hour, 0)},
		"moved beyond the horizon":            {airing(24*hour+1000, ""), row(hour, "", radio.PendingOutcome, ""), false, pending(24*hour+1000, 0)},
		"moved into the past":                 {airing(-hour, ""), row(hour, "", radio.PendingOutcome, ""), false, &result{radio.Cancelled, "", hour, 1, 4}},
		"moved, but it was due":               {airing(hour, ""), row(-hour, "", radio.PendingOutcome, ""), false, pending(-hour, 0)},
		"now excluded":                        {airing(hour, radio.ReasonOverlap), row(hour, "", radio.PendingOutcome, ""), false, &result{radio.Missed, radio.ReasonOverlap, hour, 1, 5}},
		"excluded no more":                    {airing(hour, ""), row(hour, radio.WordCentre, radio.Missed, radio.ReasonOverlap), false, pending(hour, 1)},
		"excluded for another reason":         {airing(hour, radio.ReasonExpired), row(hour, radio.WordCentre, radio.Missed, radio.ReasonOverlap), false, &result{radio.Refused, radio.ReasonExpired, hour, 1, 5}},
		"comes back":                          {airing(hour, ""), row(hour, radio.WordCentre, radio.Cancelled, ""), false, pending(hour, 1)},
		"taken out":                           {nil, row(hour, "", radio.PendingOutcome, ""), false, &result{radio.Cancelled, "", hour, 1, 4}},
		"taken out while excluded":            {nil, row(hour, radio.WordCentre, radio.Missed, radio.ReasonOverlap), false, &result{radio.Cancelled, "", hour, 1, 4}},
		"taken out twice":                     {nil, row(hour, radio.WordCentre, radio.Cancelled, ""), false, nil},
		"taken out after its instant":         {nil, row(-hour, "", radio.PendingOutcome, ""), false, nil},
		"taken out after the device's word":   {nil, row(hour, radio.WordDevice, radio.Aired, ""), false, nil},
		"edited after the device's word":      {airing(2*hour, ""), row(hour, radio.WordDevice, radio.Aired, ""), false, &result{radio.Aired, "", hour, 0, 5}},
		"not looked for without a new one":    {nil, row(hour, "", radio.PendingOutcome, ""), true, nil},
		"the device's word came first":        {airing(hour, ""), heardFirst, false, &result{radio.Aired, "", hour, 0, 5}},
		"its name is taken by an alert":       {airing(hour, ""), alert, false, nil},
		"the device's word, published late":   {airing(-hour, ""), heardFirst, false, nil},
		"excluded, the device's word is told": {airing(hour, radio.ReasonOverlap), heardFirst, false, &result{radio.Aired, "", hour, 0, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			f := frame{revision: 5, published: published, now: published + 500, upto: published + 24*hour, wait: 24 * time.Hour, renewed: !c.same,
				rows: map[radio.AsRunRef]radio.AsRun{}, describe: func(*radio.AsRun, radio.Airing) error { return nil }}
			if c.airing != nil {
				f.airings = []radio.Airing{*c.airing}
			}
			if c.row != nil {
				f.rows[c.row.Ref()] = *c.row
			}
			got, err := freeze(f)
			if err != nil || len(got) > 1 || (len(got) == 1) != (c.want != nil) {
				t.Fatalf("changes %+v, %v, want %+v", got, err, c.want)
			}
			if c.want == nil {
				return
			}
			r := got[0].Row
			if have := (result{r.Outcome, r.Reason, r.Start - published, len(got[0].Words), r.Held}); have != *c.want {
				t.Errorf("got %+v, want %+v", have, *c.want)
			}
			if !r.Planned() || r.Airing != key.ID() || r.Key != key {
				t.Errorf("row %+v", r)
			}
			for i, w := range got[0].Words {
				if w.From != radio.WordCentre || w.Outcome != r.Outcome || w.N != r.Words-len(got[0].Words)+i+1 || w.KnownAt != f.now {
					t.Errorf("word %+v", w)
				}
			}
			if c.row == nil && (r.FrozenAt != f.now || r.Deadline != r.End().Add(24*time.Hour) || r.Revision != 5) {
				t.Errorf("new row %+v", r)
			}
			if c.row != nil && c.row.Planned() && (r.Revision != 3 || r.FrozenAt != 1 || (r.Start == c.row.Start) != (r.Deadline == 77)) {
				t.Errorf("kept row %+v", r)
			}
		})
	}
}
