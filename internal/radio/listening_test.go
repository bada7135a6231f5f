package radio

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func TestListening(t *testing.T) {
	const length = 100 * time.Second
	span := func(from, to int64) Span { return Span{from * 1000, to * 1000} }
	type report struct {
		at    int64 // seconds
		spans []Span
	}
	// live is what the page reports of somebody who listens to so many seconds: every ten
	// seconds, all of it each time.
	live := func(to int64) []report {
		out := []report{{0, nil}}
		for at := int64(0); at < to; {
			at = min(to, at+10)
			out = append(out, report{at, []Span{span(0, at)}})
		}
		return out
	}
	for name, c := range map[string]struct {
		reports []report
		ask     int64
		done    bool
		wait    time.Duration
		percent int
	}{
		"played through":                 {live(100), 100, true, 0, 100},
		"in two sittings":                {append(live(40), report{4000, []Span{span(39, 40)}}, report{4030, []Span{span(39, 70)}}, report{4060, []Span{span(39, 100)}}), 4060, true, 0, 100},
		"the last moments are missing":   {live(98), 100, true, 0, 98},
		"too much is missing":            {live(97), 500, false, 0, 97},
		"skipped forward":                {[]report{{0, nil}, {10, []Span{span(0, 5), span(95, 100)}}}, 500, false, 0, 10},
		"only the end":                   {[]report{{0, nil}, {10, []Span{span(90, 100)}}}, 500, false, 0, 10},
		"beyond the end does not count":  {append(live(0), report{20, []Span{span(76, 101)}}), 500, false, 0, 24},
		"the same stretch, and the same": {append(live(50), report{100, []Span{span(0, 50)}}, report{150, []Span{span(10, 50)}}), 150, false, 0, 50},
		"nothing reported":               {nil, 500, false, 0, 0},
		// Without a bound for each report a script only had to wait.
		"claimed at once":                   {[]report{{0, []Span{span(0, 100)}}}, 1, false, 99 * time.Second, 1},
		"waited, then claimed at once":      {[]report{{0, nil}, {100, []Span{span(0, 100)}}}, 100, false, 20001 * time.Millisecond, 75},
		"waited a day, then claimed":        {[]report{{0, nil}, {86400, []Span{span(0, 100)}}}, 86400, false, 20001 * time.Millisecond, 75},
		"claimed a hundred times at once":   {slices.Repeat([]report{{0, []Span{span(0, 100)}}}, 100), 500, false, 79201 * time.Millisecond, 1},
		"played twice as fast":              {append(live(0), report{10, []Span{span(0, 20)}}, report{20, []Span{span(0, 40)}}, report{30, []Span{span(0, 60)}}, report{40, []Span{span(0, 80)}}, report{50, []Span{span(0, 100)}}), 50, false, 50 * time.Second, 62},
		"twice as fast, then stayed":        {append(live(0), report{50, []Span{span(0, 100)}}, report{100, []Span{span(0, 100)}}), 100, true, 0, 100},
		"a report lost on a weak link":      {[]report{{0, nil}, {10, []Span{span(0, 10)}}, {45, []Span{span(0, 45)}}, {100, []Span{span(0, 100)}}}, 100, true, 0, 100},
		"the clock went back between them":  {[]report{{50, nil}, {10, []Span{span(0, 60)}}}, 60, false, 0, 0},
		"a hole for each report is no gift": {[]report{{0, nil}, {1, []Span{span(0, 1)}}, {1, []Span{{1200, 1300}}}, {1, []Span{{1500, 1600}}}}, 500, false, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var l Listening
			for _, r := range c.reports {
				var err error
				if l, err = l.Heard(r.spans, length, Millis(1000*(1000+r.at))); err != nil {
					t.Fatal(err)
				}
			}
			done, wait := l.Complete(length, Millis(1000*(1000+c.ask)))
			if done != c.done || wait != c.wait || l.Percent(length) != c.percent {
				t.Errorf("done %t, wait %s, %d %%", done, wait, l.Percent(length))
			}
		})
	}
}

func TestListeningRefusesNonsense(t *testing.T) {
	for name, spans := range map[string][]Span{
		"negative":       {{-1, 5}},
		"backwards":      {{5, 4}},
		"beyond the end": {{0, 12_000}},
		"too many":       make([]Span, MaxSpans+1),
	} {
		if l, err := (Listening{}).Heard(spans, 10*time.Second, 1); !errors.Is(err, ErrInvalid) || l.FirstAt != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Whoever skips about for ever does not fill the database.
	l := Listening{}
	for i := range int64(2000) {
		var err error
		if l, err = l.Heard([]Span{{i * 1000, i*1000 + 1}}, time.Hour, Millis(1+i*1000)); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.Spans) != MaxSpans {
		t.Errorf("%d spans kept", len(l.Spans))
	}
}
