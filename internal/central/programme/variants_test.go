package programme

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// The nearest variant that may be aired is what a place plays; when it is not the one
// meant for it, item and exclusion say so.
func TestVariants(t *testing.T) {
	vary := func(t radio.Target, b int) radio.Variant { return radio.Variant{Target: t, Bulletin: bulletin(b)} }
	province, commune, hamlet, own := radio.Target{Area: area(1)}, radio.Target{Area: area(10)}, radio.Target{Area: area(11)}, radio.Target{Device: device(1)}
	all := []radio.Variant{vary(province, 2), vary(own, 5), vary(commune, 3), vary(hamlet, 4)}
	pending := func(n int) radio.Bulletin {
		b := approved(n, time.Minute)
		b.State = radio.Pending
		return b
	}
	elsewhere := func(n int) radio.Bulletin { return signedBy(approved(n, time.Minute), "AN", area(20)) }
	unsigned := func(n int) radio.Bulletin {
		b := approved(n, time.Minute)
		b.Signed = nil
		return b
	}
	stock := func(changed ...radio.Bulletin) []radio.Bulletin {
		out := changed
		for n := 1; n <= 5; n++ {
			if !slices.ContainsFunc(out, func(b radio.Bulletin) bool { return b.ID == bulletin(n) }) {
				out = append(out, approved(n, time.Minute))
			}
		}
		return out
	}
	for _, c := range []struct {
		name      string
		place     radio.Place
		variants  []radio.Variant
		bulletins []radio.Bulletin
		want      string // bulletin, "for" the one it stands in for; reason of what was left out
	}{
		{"none", place(1, 1), nil, stock(), "1"},
		{"of the device", place(1, 1), all, stock(), "5"},
		{"of the hamlet, for its other device", place(1, 2), all, stock(), "4"},
		{"of the commune", place(1, 2), all[:3], stock(), "3"},
		{"of the province", place(2, 9), all, stock(), "2"},
		{"elsewhere", place(2, 9), all[1:], stock(), "1"},
		{"not approved: the next nearest", place(1, 1), all, stock(pending(5)), "4 for 5; stood_in unapproved 5 by 4"},
		{"two are not: the one after", place(1, 1), all, stock(pending(5), unsigned(4)), "3 for 5; stood_in unapproved 5 by 3"},
		{"no signature", place(1, 2), all, stock(unsigned(4)), "3 for 4; stood_in unsigned 4 by 3"},
		{"approved for another commune", place(1, 2), all[2:], stock(elsewhere(4)), "3 for 4; stood_in elsewhere 4 by 3"},
		{"its own stands in at last", place(1, 1), all[1:2], stock(pending(5)), "1 for 5; stood_in unapproved 5 by 1"},
		{"nothing at all", place(1, 1), all[1:2], stock(pending(5), pending(1)), "; unapproved unapproved 5; empty"},
		{"the variant is the entry's own", place(1, 1), []radio.Variant{vary(own, 1)}, stock(pending(1)), "; unapproved unapproved 1; empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sl := slot(1, "0 5 * * *", 1)
			sl.Items[0].Variants = c.variants
			p, left, err := resolve(input{Place: c.place, Schedules: []radio.Schedule{schedule(1, province, sl)}, Bulletins: bulletins(c.bulletins...), Now: now})
			if err != nil {
				t.Fatal(err)
			}
			number := func(b radio.BulletinID) string {
				for n := range 10 {
					if b == bulletin(n) {
						return fmt.Sprint(n)
					}
				}
				return "?"
			}
			got := ""
			for _, s := range p.Slots {
				for _, it := range s.Items {
					got += number(it.Bulletin)
					if it.Instead != "" {
						got += " for " + number(it.Instead)
					}
					if _, ok := p.Find(it.Bulletin, it.Version); !ok || len(p.Audio) != 1 {
						t.Errorf("audio %+v of %+v", p.Audio, it)
					}
				}
			}
			for _, x := range left {
				got += "; " + string(x.Reason)
				switch {
				case strings.Contains(x.EN, "no approved version"):
					got += " unapproved"
				case strings.Contains(x.EN, "another area"):
					got += " elsewhere"
				case strings.Contains(x.EN, "signature"):
					got += " unsigned"
				}
				if x.Bulletin != "" {
					got += " " + number(x.Bulletin)
				}
				if x.By != "" {
					got += " by " + number(x.By)
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if len(p.Slots) == 0 {
				return
			}
			// The device's own expansion carries it on, to its confirmation and to the log.
			p.Revision, p.IssuedAt, p.NotAfter = 1, radio.At(now), radio.At(now.AddDate(0, 0, 30))
			if err := p.Check(); err != nil {
				t.Fatal(err)
			}
			table, err := timetable.New(&p)
			if err != nil {
				t.Fatal(err)
			}
			airings, err := table.Airings(now, now.AddDate(0, 0, 2))
			if err != nil || len(airings) == 0 || airings[0].Instead != p.Slots[0].Items[0].Instead || airings[0].Bulletin != p.Slots[0].Items[0].Bulletin {
				t.Errorf("%+v %v", airings, err)
			}
		})
	}
}

// A slot of dates comes due on them only, and leaves the programme a week after the last.
func TestDatesOfASlot(t *testing.T) {
	sl := slot(1, "0 17 1,3,5 2,3 *", 1)
	sl.Dates = []radio.Date{"2026-02-03", "2026-03-03", "2026-03-05"}
	in := input{Place: place(1, 1), Schedules: []radio.Schedule{schedule(1, radio.Target{Area: area(1)}, sl)}, Bulletins: bulletins(approved(1, time.Minute)), Now: now}
	p, left, err := resolve(in)
	if err != nil || len(left) != 0 || len(p.Slots) != 1 {
		t.Fatalf("%+v %+v %v", p.Slots, left, err)
	}
	airings, err := resolver.Preview(p, radio.DefaultPolicy(zone), radio.Settings{}, now.AddDate(0, 0, -60), now.AddDate(0, 10, 0))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range airings {
		got = append(got, a.Start.Time().Add(7*time.Hour).Format("2006-01-02T15:04"))
	}
	if want := []string{"2026-02-03T17:00", "2026-03-03T17:00", "2026-03-05T17:00"}; !slices.Equal(got, want) {
		t.Errorf("due %v, want %v", got, want)
	}
	in.Now = time.Date(2026, 3, 12, 3, 0, 0, 0, time.UTC)
	if p, _, _ = resolve(in); len(p.Slots) != 1 {
		t.Error("gone a week after its last date")
	}
	in.Now = in.Now.AddDate(0, 0, 1)
	if p, left, _ = resolve(in); len(p.Slots) != 0 || len(left) != 0 {
		t.Errorf("still there: %+v %+v", p.Slots, left)
	}
}
