package radio

import (
	"errors"
	"math"
	"testing"
)

func TestSetupNormal(t *testing.T) {
	here := Position{Latitude: 18.343210, Longitude: 105.905000}
	for _, c := range []struct {
		name  string
		in    Setup
		field string // at fault; "" for none
		want  Setup
	}{
		{"nothing", Setup{}, "", Setup{}},
		{"all", Setup{OffsetMS: -60_000, StaggerMS: 60_000, Position: here}, "", Setup{OffsetMS: -60_000, StaggerMS: 60_000, Position: here}},
		{"finer than it is kept", Setup{Position: Position{18.34321049, 105.90499951}}, "", Setup{Position: Position{18.343210, 105.905}}},
		{"no negative zero", Setup{Position: Position{math.Copysign(0, -1), -0.00000001}}, "", Setup{}},
		{"too early", Setup{OffsetMS: -60_001}, "offset_ms", Setup{}},
		{"too late", Setup{OffsetMS: 60_001}, "offset_ms", Setup{}},
		{"staggered backwards", Setup{StaggerMS: -1}, "stagger_ms", Setup{}},
		{"staggered too far", Setup{StaggerMS: 60_001}, "stagger_ms", Setup{}},
		{"the wrong way round", Setup{Position: Position{105.905, 18.34321}}, "position", Setup{}},
		{"no number", Setup{Position: Position{math.NaN(), 105}}, "position", Setup{}},
		{"beyond the Earth", Setup{Position: Position{18, math.Inf(1)}}, "position", Setup{}},
	} {
		got, err := c.in.Normal()
		var e *Invalid
		switch {
		case c.field == "" && (err != nil || got != c.want || math.Signbit(got.Position.Latitude) || math.Signbit(got.Position.Longitude)):
			t.Errorf("%s: %+v, %v", c.name, got, err)
		case c.field != "" && (!errors.As(err, &e) || len(e.Problems) != 1 || e.Problems[0].Field != c.field):
			t.Errorf("%s: %v, want a problem of %s", c.name, err, c.field)
		}
	}
}

func TestParsePosition(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "18.343210, 105.905000": "18.34321, 105.905", " 18.3;105.9 ": "18.3, 105.9", "18.3° 105.9°": "18.3, 105.9", "−18, -5.5": "-18, -5.5", "+1,2": "1, 2",
		"18,34 105,90": "?", "18.3": "?", "18.3, 105.9, 4": "?", "18.3,": "?", "1e2, 3": "?", "N18, E105": "?", "0x1p3, 1": "?", "18.3, 1055.5": "?",
	} {
		p, err := ParsePosition(text)
		got := p.String()
		if errors.Is(err, ErrInvalid) {
			got = "?"
		}
		if got != want {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
}

func FuzzParsePosition(f *testing.F) {
	for _, s := range []string{"18.343210, 105.905000", "−18;5", "1 2", ", ,", "999.999999999999999 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePosition(text)
		if err != nil {
			return
		}
		s, err := Setup{Position: p}.Normal()
		if err != nil {
			return
		}
		// What is kept is read again as it is shown.
		again, err := ParsePosition(s.Position.String())
		if err != nil || again != s.Position {
			t.Errorf("%q: %q comes back as %v, %v", text, s.Position, again, err)
		}
	})
}

// Hà Tĩnh to Vinh is 43 km as the crow flies; a ten-thousandth of a degree north is 11 m.
func TestMetres(t *testing.T) {
	for _, c := range []struct {
		p, q Position
		want float64
		off  float64
	}{
		{Position{18.3428, 105.9057}, Position{18.6733, 105.6922}, 43_060, 300},
		{Position{18.3428, 105.9057}, Position{18.3429, 105.9057}, 11.12, 0.05},
		{Position{18.3428, 105.9057}, Position{18.3428, 105.9057}, 0, 0},
		{Position{0, 0}, Position{0, 180}, math.Pi * earthMetres, 1},
	} {
		if got, back := c.p.Metres(c.q), c.q.Metres(c.p); math.Abs(got-c.want) > c.off || got != back {
			t.Errorf("%v to %v: %.2f m, and back %.2f, want %.2f", c.p, c.q, got, back, c.want)
		}
	}
}

func TestSetupValues(t *testing.T) {
	c := SetupChange{Was: Setup{StaggerMS: 500}, Now: Setup{StaggerMS: 500, OffsetMS: -20, Position: Position{18.5, 105.25}}}
	got := c.Values()
	if len(got) != 2 || got[0] != (AuditValue{"offset_ms", "0", "-20"}) || got[1] != (AuditValue{"position", "", "18.5, 105.25"}) {
		t.Errorf("%+v", got)
	}
}

func TestStaggerAsk(t *testing.T) {
	for _, c := range []struct {
		in    StaggerAsk
		want  StaggerAsk
		field string
	}{
		// 600 m take sound 1.75 s; with 0.3 s that is 2.05 s.
		{StaggerAsk{}, StaggerAsk{600, 2500}, ""},
		{StaggerAsk{EarshotM: 300}, StaggerAsk{300, 1500}, ""},
		{StaggerAsk{EarshotM: 50}, StaggerAsk{50, 500}, ""},
		{StaggerAsk{EarshotM: 3000}, StaggerAsk{3000, 9500}, ""},
		{StaggerAsk{600, 60_000}, StaggerAsk{600, 60_000}, ""},
		{StaggerAsk{49, 500}, StaggerAsk{}, "earshot_m"},
		{StaggerAsk{3001, 500}, StaggerAsk{}, "earshot_m"},
		{StaggerAsk{-1, 0}, StaggerAsk{}, "earshot_m"},
		{StaggerAsk{600, 99}, StaggerAsk{}, "width_ms"},
		{StaggerAsk{600, 60_001}, StaggerAsk{}, "width_ms"},
	} {
		got, err := c.in.Normal()
		var e *Invalid
		if c.field == "" && (err != nil || got != c.want) || c.field != "" && (!errors.As(err, &e) || e.Problems[0].Field != c.field) {
			t.Errorf("%+v: %+v, %v", c.in, got, err)
		}
	}
}
