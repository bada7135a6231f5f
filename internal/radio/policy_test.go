package radio

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestPolicyExceptions(t *testing.T) {
	p := Policy{Zone: "Asia/Ho_Chi_Minh",
		Windows:  []Window{{From: 300, To: 420}, {From: 22 * 60, To: 120}},
		Mourning: []Date{"2027-02-08"},
		Exceptions: []PolicyException{
			{From: "2027-02-06", Until: "2027-02-10", Label: "Tết Đinh Mùi", Windows: []Window{{From: 480, To: 540}, {From: 23 * 60, To: 60}}},
			{From: "2027-02-11", Until: "2027-02-11", Label: "im lặng"},
		}}
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		start, end string
		want       bool
		veto       Veto
	}{
		"an ordinary morning":                        {"2027-02-05 05:00:00", "2027-02-05 07:00:00", true, NoVeto},
		"the ordinary morning is replaced":           {"2027-02-06 05:00:00", "2027-02-06 05:10:00", false, VetoException},
		"hours of its own":                           {"2027-02-06 08:00:00", "2027-02-06 09:00:00", true, NoVeto},
		"past its own hours":                         {"2027-02-06 08:00:00", "2027-02-06 09:00:01", false, VetoException},
		"the night before ends at midnight":          {"2027-02-05 23:50:00", "2027-02-06 00:00:00", true, NoVeto},
		"the night before does not reach into it":    {"2027-02-05 23:50:00", "2027-02-06 00:10:00", false, VetoException},
		"nor is its tail left":                       {"2027-02-06 01:00:00", "2027-02-06 01:10:00", false, VetoException},
		"its own night runs on within":               {"2027-02-06 23:30:00", "2027-02-07 01:00:00", true, NoVeto},
		"mourning inside Tết":                        {"2027-02-08 08:10:00", "2027-02-08 08:20:00", false, VetoMourning},
		"the night into mourning ends at midnight":   {"2027-02-07 23:30:00", "2027-02-08 00:10:00", false, VetoMourning},
		"the rest of a night, after mourning":        {"2027-02-09 00:10:00", "2027-02-09 00:20:00", true, NoVeto},
		"a silent date":                              {"2027-02-11 08:10:00", "2027-02-11 08:20:00", false, VetoException},
		"another exception's night ends at midnight": {"2027-02-10 23:30:00", "2027-02-11 00:10:00", false, VetoException},
		"the day after":                              {"2027-02-12 05:00:00", "2027-02-12 05:10:00", true, NoVeto},
		"no night out of a silent date":              {"2027-02-12 00:30:00", "2027-02-12 00:40:00", false, VetoHours},
		"an ordinary day, outside":                   {"2027-02-13 12:00:00", "2027-02-13 12:10:00", false, VetoHours},
	}
	// A mourning day silences its own date only; what runs over its end is the window's.
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			start, end := local(t, c.start), local(t, c.end)
			if got := p.Allows(start, end); got != c.want {
				t.Fatalf("%v, want %v", got, c.want)
			}
			if until, _ := p.Until(start); !c.want {
				if v := p.HoursVeto(start, until); v != c.veto {
					t.Errorf("refused by %q, want %q", v, c.veto)
				}
			}
		})
	}
}

func TestPolicyCheckRefuses(t *testing.T) {
	ok := PolicyException{From: "2027-02-06", Until: "2027-02-10", Label: "Tết"}
	change := func(f func(*PolicyException)) Policy {
		e := ok
		f(&e)
		return Policy{Zone: "UTC", Exceptions: []PolicyException{e}}
	}
	many := Policy{Zone: "UTC"}
	for i := range MaxExceptions + 1 {
		d := DateOf(time.Date(2027, 1, 1+i, 0, 0, 0, 0, time.UTC))
		many.Exceptions = append(many.Exceptions, PolicyException{From: d, Until: d, Label: "x"})
	}
	for name, p := range map[string]Policy{
		"sessions below 0":        {Zone: "UTC", MaxSessions: -1},
		"too many sessions":       {Zone: "UTC", MaxSessions: MaxDaySessions + 1},
		"minutes below 0":         {Zone: "UTC", MaxMinutes: -1},
		"more minutes than a day": {Zone: "UTC", MaxMinutes: MaxDayMinutes + 1},
		"no date":                 change(func(e *PolicyException) { e.From = "" }),
		"no such date":            change(func(e *PolicyException) { e.Until = "2027-02-30" }),
		"backwards":               change(func(e *PolicyException) { e.Until = "2027-02-05" }),
		"too long":                change(func(e *PolicyException) { e.Until = "2027-04-09" }),
		"no label":                change(func(e *PolicyException) { e.Label = "" }),
		"weekdays":                change(func(e *PolicyException) { e.Windows = []Window{{From: 1, To: 2, Days: []int{1}}} }),
		"an empty window":         change(func(e *PolicyException) { e.Windows = []Window{{From: 60, To: 60}} }),
		"too many windows":        change(func(e *PolicyException) { e.Windows = make([]Window, MaxExceptionWindows+1) }),
		"a date twice":            {Zone: "UTC", Exceptions: []PolicyException{ok, {From: "2027-02-10", Until: "2027-02-11", Label: "x"}}},
		"too many":                many,
	} {
		if err := p.Check(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A document of before caps and exceptions means what it meant, and is written the same.
func TestOldPolicyDocuments(t *testing.T) {
	const old = `{"id":"01JD0000000000000000000PR1","device":"01JD0000000000000000000DV1","revision":7,"issued_at":1,"zone":"UTC","label":"cũ","windows":[{"from":"05:00","to":"07:00"}],"mourning":["2026-12-01"]}`
	var p Policy
	if err := json.Unmarshal([]byte(old), &p); err != nil {
		t.Fatal(err)
	}
	if err := p.Check(); err != nil || p.Capped() {
		t.Errorf("capped %v, %v", p.Capped(), err)
	}
	if b, err := json.Marshal(p); err != nil || string(b) != old {
		t.Errorf("%s, %v", b, err)
	}
}

func TestTally(t *testing.T) {
	at := func(h, m, s int) Millis { return At(time.Date(2027, 3, 1, h, m, s, 0, time.UTC)) }
	sec := func(n int64) int64 { return n * SampleRate }
	p := Policy{MaxSessions: 2, MaxMinutes: 10}
	var y Tally
	if v := y.Veto(p, "2027-03-01", at(5, 0, 0), sec(600)); v != NoVeto {
		t.Errorf("nothing has sounded: %q", v)
	}
	if v := y.Veto(p, "2027-03-01", at(5, 0, 0), sec(600)+1); v != VetoMinutes {
		t.Errorf("one sample above: %q", v)
	}
	y.Add("2027-03-01", Sounded{at(4, 0, 0), at(4, 1, 0), 0}) // nothing sounded, no session
	y.Add("2027-03-01", Sounded{at(5, 0, 0), at(5, 1, 0), sec(60)})
	y.Add("2027-03-01", Sounded{at(5, 1, 4), at(5, 2, 0), sec(56)}) // touches
	y.Add("2027-03-01", Sounded{at(5, 2, 0), at(5, 4, 0), 0})       // a hole
	y.Add("2027-03-01", Sounded{at(5, 4, 0), at(5, 5, 0), sec(60)}) // beyond it
	y.Add("2027-03-01", Sounded{at(23, 59, 0), at(24, 1, 0), sec(120)})
	y.Add("2027-03-02", Sounded{at(24, 1, 0), at(24, 2, 0), sec(60)}) // of the day before
	for d, want := range map[Date][2]int64{"2027-03-01": {2, sec(356)}, "2027-03-02": {0, 0}} {
		if n, s := y.Of(d); int64(n) != want[0] || s != want[1] {
			t.Errorf("%s: %d sessions, %d samples, want %v", d, n, s, want)
		}
	}
	c := y.Clone()
	c.Add("2027-03-01", Sounded{at(12, 0, 0), at(12, 1, 0), sec(60)}) // before the last: a clock was set
	if n, _ := c.Of("2027-03-01"); n != 3 {
		t.Errorf("%d sessions", n)
	}
	if n, _ := y.Of("2027-03-01"); n != 2 {
		t.Error("a clone is not its own")
	}
	for name, v := range map[string][2]Veto{
		"goes on":           {y.Veto(p, "2027-03-02", at(24, 2, 4), sec(1)), NoVeto},
		"goes on, too long": {y.Veto(p, "2027-03-02", at(24, 2, 4), sec(245)), VetoMinutes},
		"of the new day":    {y.Veto(p, "2027-03-02", at(24, 2, 5), sec(600)), NoVeto},
		"of the old day":    {y.Veto(p, "2027-03-01", at(22, 0, 0), sec(1)), VetoSessions},
		"no caps":           {y.Veto(Policy{}, "2027-03-01", at(22, 0, 0), sec(1)), NoVeto},
	} {
		if v[0] != v[1] {
			t.Errorf("%s: %q, want %q", name, v[0], v[1])
		}
	}
}

func TestConfirmationSounded(t *testing.T) {
	c := Confirmation{Origin: FromSchedule, Start: 1_000_000, Expected: 60 * SampleRate, Consumed: 60 * SampleRate, EndedAt: 1_061_500, Outcome: Aired}
	change := func(f func(*Confirmation)) Confirmation { x := c; f(&x); return x }
	for name, x := range map[string]struct {
		c    Confirmation
		want string
	}{
		"aired, a little late": {c, "true 1000000–1061500 2646000"},
		"ended early":          {change(func(c *Confirmation) { c.EndedAt, c.Consumed = 1_030_000, 1 }), "true 1000000–1060000 1"},
		"a clock was set":      {change(func(c *Confirmation) { c.EndedAt += 90_000_000 }), "true 1000000–1060000 2646000"},
		"no audio":             {change(func(c *Confirmation) { c.Consumed, c.Reason = 0, ReasonNoAudio }), "true 1000000–1061500 0"},
		"refused":              {change(func(c *Confirmation) { c.Consumed, c.Reason = 0, ReasonPolicy }), "false"},
		"overlap":              {change(func(c *Confirmation) { c.Consumed, c.Reason = 0, ReasonOverlap }), "false"},
		"an alert":             {change(func(c *Confirmation) { c.Origin = FromAlert }), "false"},
		"a command":            {change(func(c *Confirmation) { c.Origin = FromCommand }), "false"},
		"on the spot":          {change(func(c *Confirmation) { c.Origin = FromLocal }), "false"},
	} {
		s, ok := x.c.Sounded()
		got := fmt.Sprint(ok)
		if ok {
			got += fmt.Sprintf(" %d–%d %d", s.Start, s.End, s.Samples)
		}
		if got != x.want {
			t.Errorf("%s: %s, want %s", name, got, x.want)
		}
	}
}
