package radio

import (
	"errors"
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
	for name, c := range map[string]struct {
		reports []report
		ask     int64
		done    bool
		wait    time.Duration
		percent int
	}{
		"played through":                   {[]report{{0, nil}, {50, []Span{span(0, 50)}}, {100, []Span{span(0, 100)}}}, 100, true, 0, 100},
		"in two sittings":                  {[]report{{0, nil}, {40, []Span{span(0, 40)}}, {4000, []Span{span(39, 100)}}}, 4000, true, 0, 100},
		"the last moments are missing":     {[]report{{0, nil}, {98, []Span{span(0, 98)}}}, 100, true, 0, 98},
		"too much is missing":              {[]report{{0, nil}, {97, []Span{span(0, 97)}}}, 500, false, 0, 97},
		"skipped forward":                  {[]report{{0, nil}, {10, []Span{span(0, 5), span(95, 100)}}}, 500, false, 0, 10},
		"only the end":                     {[]report{{0, nil}, {10, []Span{span(90, 100)}}}, 500, false, 0, 10},
		"claimed at once":                  {[]report{{0, []Span{span(0, 100)}}}, 1, false, 99 * time.Second, 100},
		"played twice as fast":             {[]report{{0, nil}, {50, []Span{span(0, 100)}}}, 50, false, 50 * time.Second, 100},
		"twice as fast, and time passed":   {[]report{{0, nil}, {50, []Span{span(0, 100)}}}, 100, true, 0, 100},
		"the same stretch again and again": {[]report{{0, nil}, {50, []Span{span(0, 50)}}, {100, []Span{span(0, 50)}}, {150, []Span{span(10, 50)}}}, 150, false, 0, 50},
		"nothing reported":                 {nil, 500, false, 0, 0},
		"small holes between reports":      {[]report{{0, []Span{{0, 50_000}, {50_200, 100_000}}}}, 100, true, 0, 100},
		"beyond the end does not count":    {[]report{{0, []Span{span(3, 101)}}}, 500, false, 0, 98},
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
		if l, err = l.Heard([]Span{{i * 1000, i*1000 + 1}}, time.Hour, 1); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.Spans) != MaxSpans {
		t.Errorf("%d spans kept", len(l.Spans))
	}
}
