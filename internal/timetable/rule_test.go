package timetable

import (
	"errors"
	"strings"
	"testing"

	"loaxa/internal/radio"
)

const hanoi = "Asia/Ho_Chi_Minh"

func TestCheckRule(t *testing.T) {
	cases := []struct {
		name, rule, zone string
		says             string // "" = accepted
	}{
		{"every day at five", "0 5 * * *", hanoi, ""},
		{"names and steps", "*/15 5-7,17 * JAN-MAR MON-FRI", hanoi, ""},
		{"spaces around", "  30  17 1 * * ", hanoi, ""},
		{"step in a day field", "0 5 */2 * *", hanoi, ""},
		{"empty", "", hanoi, "0 fields"},
		{"four fields", "0 5 * *", hanoi, "4 fields"},
		{"seconds", "0 0 5 * * *", hanoi, "6 fields"},
		{"descriptor", "@daily", hanoi, "descriptors"},
		{"descriptor behind a space", " @every 1s", hanoi, "descriptors"},
		{"zone that makes the library panic", "TZ=0", hanoi, "zone belongs"},
		{"zone prefix", "TZ=UTC 0 5 * * *", hanoi, "zone belongs"},
		{"cron zone prefix", "CRON_TZ=UTC 0 5 * * *", hanoi, "zone belongs"},
		{"question mark", "0 5 ? * *", hanoi, `'?' is not allowed`},
		{"new line", "0 5 * * *\n", hanoi, "is not allowed"},
		{"both days", "0 5 1 * 1", hanoi, "both set"},
		{"both days, one a step", "0 5 */2 * 1", hanoi, "both set"},
		{"both days, all of them", "0 5 1-31 * 0-6", hanoi, "both set"},
		{"hour 24", "0 24 * * *", hanoi, "above maximum"},
		{"weekday 7", "0 5 * * 7", hanoi, "0 Sunday to 6"},
		{"step zero", "*/0 5 * * *", hanoi, "positive number"},
		{"backward range", "0 7-5 * * *", hanoi, "beyond"},
		{"30 February", "0 5 30 2 *", hanoi, "no occurrence"},
		{"29 February, not in every two years", "0 5 29 2 *", hanoi, "no occurrence"},
		{"only commas", "0 , * * *", hanoi, "no occurrence"},
		{"too long", "0 5 * * " + strings.Repeat("1,", 200) + "1", hanoi, "longer than"},
		{"unknown zone", "0 5 * * *", "Asia/Vinh", "time zone"},
		{"no zone", "0 5 * * *", "", "IANA name"},
		{"machine's zone", "0 5 * * *", "Local", "IANA name"},
		{"zone with a path", "0 5 * * *", "../etc/passwd", "time zone"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := CheckRule(c.rule, c.zone)
			switch {
			case c.says == "" && err != nil:
				t.Fatalf("refused: %v", err)
			case c.says != "" && (!errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), c.says)):
				t.Fatalf("error %v, want kind invalid saying %q", err, c.says)
			}
		})
	}
}

// FuzzCheckRule: no text makes the parser panic, and what it accepts has an
// occurrence on each of which the rule can be stepped.
func FuzzCheckRule(f *testing.F) {
	for _, s := range []string{"0 5 * * *", "TZ=0", "@every 1s", "*/7 5-7,17 * JAN-MAR MON-FRI", "0 5 29 2 *", "1-2-3 * * * *", "*,5 , 1/2 * *", "٠ 5 * * *", "0 5 * * * *"} {
		f.Add(s, hanoi)
	}
	f.Add("0 5 * * *", "Local")
	f.Fuzz(func(t *testing.T, text, zone string) {
		if err := CheckRule(text, zone); err != nil {
			if !errors.Is(err, radio.ErrInvalid) {
				t.Fatalf("error without a kind: %v", err)
			}
			return
		}
		r, err := parseRule(text)
		if err != nil {
			t.Fatal(err)
		}
		if next := r.Next(day("2026-01-01")); next.IsZero() || next.Second() != 0 {
			t.Fatalf("accepted rule %q gives %v", text, next)
		}
	})
}

func TestMostPerDay(t *testing.T) {
	for rule, want := range map[string]int{
		"0 5 * * 1-6":        1,
		"*/5 5-6,17 * * *":   36,
		"* * * * *":          24 * 60,
		"15 17 1,15 * *":     1,
		"0,15,30,45 5 * * 0": 4,
	} {
		if got, err := MostPerDay(rule); got != want || err != nil {
			t.Errorf("%s: %d, %v; want %d", rule, got, err, want)
		}
	}
	if _, err := MostPerDay("@daily"); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("a descriptor: %v", err)
	}
}
