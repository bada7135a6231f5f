package verify

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/raced"
	"loaxa/internal/radio"
)

// chosen are the items of a bundle of a choice.
func (h *house) chosen(c Choice) []Item {
	h.t.Helper()
	var out []Item
	c.MadeAt = radio.At(h.now())
	c = must(c.Days(zone))(h.t)
	if err := h.source().Walk(h.t.Context(), c, func(it Item) error {
		out = append(out, it)
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
	return out
}

// cutBehind ends a device's journal behind a record, with all that told of more.
func cutBehind(items []Item, d *device, seq uint64) []Item {
	var out []Item
	for _, it := range items {
		it = copied(it)
		switch {
		case it.Mark != nil && it.Mark.Leaf.Journal == d.journal:
			continue
		case it.Journal != nil && it.Journal.Journal == d.journal:
			it.Journal.Upto, it.Journal.Link = seq, d.links[seq]
		case it.Record != nil && it.Record.Seq > seq, it.Batch != nil && it.Batch.New > seq:
			continue
		}
		out = append(out, it)
	}
	return out
}

// TestPartCutOff: also a bundle of one device cannot be cut behind what a checkpoint has
// countersigned, nor lack one of the device's journals.
func TestPartCutOff(t *testing.T) {
	h := newHouse(t)
	h.lively("a")
	b := h.lively("b")
	h.lively("c")
	h.checkpoint()
	choice := Choice{Devices: []radio.DeviceID{b.id}}
	items := h.chosen(choice)
	wantOK(t, judge(t, items, h.opts()))
	if rep := judge(t, cutBehind(items, b, 2), h.opts()); rep.OK() || rep.Findings[len(rep.Findings)-1].Device != b.id {
		t.Errorf("cut: %v", rep.Findings)
	}
	first := b.journal
	b.begin()
	b.boots(1).sends(1, 1)
	h.checkpoint()
	items = h.chosen(choice)
	rep := judge(t, items, h.opts())
	wantOK(t, rep)
	if rep.Journals != 2 || rep.Whole || rep.Proven != 2 {
		t.Errorf("%+v", rep)
	}
	for _, gone := range []radio.JournalID{first, b.journal} {
		in := false
		out := slices.DeleteFunc(slices.Clone(items), func(it Item) bool {
			if it.Journal != nil {
				in = it.Journal.Journal == gone
			}
			return in && it.Row == nil || it.Row != nil && gone == first
		})
		if rep := judge(t, out, h.opts()); rep.OK() || !strings.Contains(fmt.Sprint(rep.Findings), "holds 2 journals of the device") {
			t.Errorf("without journal %s: %v", gone, rep.Findings)
		}
	}
	// With the end of another time, or of nobody.
	older := slices.Clone(items)
	older[0] = copied(older[0])
	older[0].Head.Checkpoint = 1
	if rep := judge(t, older, h.opts()); rep.OK() || !strings.Contains(fmt.Sprint(rep.Findings), "the newest is 2") {
		t.Errorf("at an older checkpoint: %v", rep.Findings)
	}
	at := slices.IndexFunc(items, func(it Item) bool { return it.Device != nil })
	for what, change := range map[string]func(d *Device){
		"no neighbours":     func(d *Device) { d.Before, d.After = nil, nil },
		"none before":       func(d *Device) { d.Before = nil },
		"none after":        func(d *Device) { d.After = nil },
		"swapped":           func(d *Device) { d.Before, d.After = d.After, d.Before },
		"twice":             func(d *Device) { d.After = d.Before },
		"with another leaf": func(d *Device) { m := *d.After; m.Leaf.Upto++; d.After = &m },
		"at another place":  func(d *Device) { m := *d.After; m.Place--; d.After = &m },
	} {
		list := []Item{}
		for _, it := range items {
			if d := it.Device; d != nil && d.Before == nil && (what == "none before" || what == "twice" || what == "swapped") {
				t.Fatal("the device stands at the edge of the tree")
			}
			list = append(list, copied(it))
		}
		change(list[at].Device)
		if rep := judge(t, list, h.opts()); rep.OK() {
			t.Errorf("%s: nothing found", what)
		}
	}
}

// TestAnyPart: whatever devices and days a bundle is of, and whatever is cut off from any of
// its journals or left out, it holds before and not after.
func TestAnyPart(t *testing.T) {
	h := newHouse(t)
	rnd := rand.New(rand.NewPCG(5, 6))
	var all []*device
	for i := range 4 {
		all = append(all, h.lively(fmt.Sprint(i)))
	}
	for range 3 {
		h.pass(24 * time.Hour)
		h.checkpoint()
		for _, d := range all {
			n := len(d.records)
			d.airs(radio.Aired, 100)
			d.boots(1)
			d.sends(n+1, n+2)
		}
		h.pass(time.Hour)
	}
	h.checkpoint()
	for n := range raced.Some(40) {
		d := all[rnd.IntN(len(all))]
		c := Choice{Devices: []radio.DeviceID{d.id}}
		for _, other := range all {
			if rnd.IntN(3) == 0 {
				c.Devices = append(c.Devices, other.id)
			}
		}
		if n%4 == 0 {
			c.Devices = nil
		}
		if n%3 == 0 {
			c.To = "2026-11-25"
		}
		items := h.chosen(c)
		rep := judge(t, items, h.opts())
		wantOK(t, rep)
		if rep.Proven == 0 {
			t.Fatalf("%+v: no checkpoint", c)
		}
		var upto uint64
		for _, it := range items {
			if it.Mark != nil && it.Mark.Leaf.Journal == d.journal {
				upto = it.Mark.Leaf.Upto
			}
		}
		if rep := judge(t, cutBehind(items, d, rnd.Uint64N(upto)), h.opts()); rep.OK() {
			t.Errorf("%+v: a journal was cut and nothing found", c)
		}
	}
}

// TestDemands: what a bundle is of is its own word; who checks it says what it must be of.
func TestDemands(t *testing.T) {
	h := newHouse(t)
	a, b := h.lively("a"), h.lively("b")
	young := h.chosen(Choice{})
	h.checkpoint()
	items := h.items()
	// One of the devices is left out, and the file says it is of some.
	var part []Item
	skip := false
	for _, it := range items {
		it = copied(it)
		if it.Head != nil {
			it.Head.Whole = false
		}
		if it.Device != nil {
			skip = it.Device.ID == a.id
		}
		if !skip {
			part = append(part, it)
		}
	}
	some := h.chosen(Choice{From: "2026-11-22", To: "2026-11-24"})
	for name, c := range map[string]struct {
		items []Item
		want  func(*Options)
		says  string
	}{
		"whole":                     {items, func(o *Options) { o.Whole = true }, ""},
		"whole, of some days":       {items, func(o *Options) { o.Whole, o.From, o.To = true, "2026-11-01", "2026-11-30" }, ""},
		"a device by its code":      {items, func(o *Options) { o.Devices = []string{"a"} }, ""},
		"a device by its id":        {part, func(o *Options) { o.Devices = []string{string(b.id)} }, ""},
		"turned into a part":        {part, func(o *Options) { o.Whole = true }, "every device was asked for"},
		"another device":            {part, func(o *Options) { o.Devices = []string{"b", "a"} }, "device a is not in it"},
		"days":                      {some, func(o *Options) { o.From, o.To = "2026-11-23", "2026-11-24" }, ""},
		"whole days":                {some, func(o *Options) { o.Whole, o.From, o.To = true, "2026-11-22", "2026-11-24" }, ""},
		"begins later":              {some, func(o *Options) { o.From = "2026-11-21" }, "it begins on 2026-11-22 only"},
		"ends earlier":              {some, func(o *Options) { o.To = "2026-11-25" }, "it ends on 2026-11-24 already"},
		"whole, but days are there": {some, func(o *Options) { o.Whole = true }, "it begins on 2026-11-22 only"},
		"whole without checkpoint": {young, func(o *Options) {
			o.Whole, o.CA = true, items[0].Head.caPrint(t)
		}, "no checkpoint proves"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := h.opts()
			c.want(&opts)
			rep := judge(t, c.items, opts)
			if told := fmt.Sprint(rep.Findings); rep.OK() != (c.says == "") || !strings.Contains(told, c.says) {
				t.Errorf("found %s", told)
			}
		})
	}
}

func (h *Head) caPrint(t *testing.T) string { return must(Fingerprint(h.CA))(t) }

// TestOldDays: of days long past, the last checkpoint of the month before still proves the
// ends of the journals; one from long before does not.
func TestOldDays(t *testing.T) {
	h := newHouse(t)
	d := h.device("a").boots(1)
	d.sends(1, 1)
	for range 100 {
		if err := h.keeper.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.pass(24 * time.Hour)
		n := len(d.records)
		d.boots(1).sends(n+1, n+1)
	}
	items := h.chosen(Choice{To: "2026-12-20"})
	rep := judge(t, items, h.opts())
	wantOK(t, rep)
	if day := rep.ProvenAt.Time().In(zone).Format(time.DateOnly); day != "2026-11-30" {
		t.Errorf("proven up to %s", day)
	}
	items[0] = copied(items[0])
	items[0].Head.To = "2027-01-20"
	if rep := judge(t, items, h.opts()); rep.OK() || !strings.Contains(fmt.Sprint(rep.Findings), "long before") {
		t.Errorf("found %v", rep.Findings)
	}
}

// TestClosedMonthForgotten: a month that was closed can neither be opened again nor closed
// anew, also when it is said to be archived.
func TestClosedMonthForgotten(t *testing.T) {
	h := newHouse(t)
	h.lively("a")
	h.pass(30 * 24 * time.Hour)
	must(h.closer.Close(t.Context(), "2026-11", "x"))(t)
	opts := h.opts()
	wantOK(t, h.verify(opts))
	h.sql(`DELETE FROM month_closed WHERE month = '2026-11'`)
	if rep := h.verify(opts); rep.OK() || rep.Findings[0].Kind != Missing || !strings.Contains(rep.Findings[0].Text, "month 2026-11 was closed") {
		t.Errorf("gone: %v", rep.Findings)
	}
	h.pass(time.Hour)
	must(h.closer.Close(t.Context(), "2026-11", "y"))(t)
	if rep := h.verify(opts); rep.OK() || rep.Findings[0].Kind != Rewritten || !strings.Contains(rep.Findings[0].Text, "another snapshot") {
		t.Errorf("closed again: %v", rep.Findings)
	}
	for _, done := range []int{0, 1} {
		h.sql(`DELETE FROM month_archived`)
		h.sql(`INSERT INTO month_archived (month, file, sha256, bytes, verified_at, done_at) VALUES ('2026-11', 'x', 'x', 1, 1, $1)`, done)
		if rep := h.verify(opts); rep.OK() || done == 1 && !strings.Contains(fmt.Sprint(rep.Findings), "said to rest in the archive") {
			t.Errorf("said to be archived: %v", rep.Findings)
		}
	}
	h.sql(`DELETE FROM month_closed WHERE month = '2026-11'`)
	if rep := h.verify(opts); rep.OK() || !strings.Contains(fmt.Sprint(rep.Findings), "its snapshot is not here") {
		t.Errorf("archived and gone: %v", rep.Findings)
	}
}

// TestClosedUnderAStolenKey: what checkpoints named before their key was stolen, and one of
// the next key stands on, holds.
func TestClosedUnderAStolenKey(t *testing.T) {
	h := newHouse(t)
	h.lively("a")
	h.pass(30 * 24 * time.Hour)
	must(h.closer.Close(t.Context(), "2026-11", "x"))(t)
	if _, err := nextOnline(h, h.dir+"/keys"); err != nil {
		t.Fatal(err)
	}
	h.pass(time.Hour)
	if rep := h.verify(h.opts()); rep.OK() {
		t.Error("only a stolen key stands for it, and nothing is found")
	}
	h.checkpoint()
	wantOK(t, h.verify(h.opts()))
}
