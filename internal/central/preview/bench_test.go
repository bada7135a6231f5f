package preview_test

import (
	"fmt"
	"testing"

	"loaxa/internal/radio"
)

// province lays down 69 communes with 3,500 devices; 50 schedules of two slots reach
// every device: 20 of the province, and 30 of each commune's own.
func province() *house {
	h := newHouse()
	root := h.plan.Areas[0]
	*h = house{states: h.states, issued: h.issued, plan: radio.Plan{Areas: []radio.Area{root}}}
	for n := 1; n <= 40; n++ {
		h.plan.Bulletins = append(h.plan.Bulletins, approved(n, 60+10*n))
	}
	number := 0
	lay := func(target radio.Target) {
		number++
		h.plan.Schedules = append(h.plan.Schedules, schedule(number, target,
			slot(2*number, fmt.Sprintf("%d %d * * %d", number%60, 5+number%3, number%7), 1+number%40, 1+number%7),
			slot(2*number+1, fmt.Sprintf("%d %d * * *", number*7%60, 17+number%2), 1+number%39)))
	}
	for range 20 {
		lay(radio.Target{Area: root.ID})
	}
	for c := range 69 {
		commune := radio.Area{ID: area(100 * (c + 1)), Kind: radio.Commune, Name: fmt.Sprint("Xã ", c), Parent: root.ID}
		hamlet := radio.Area{ID: area(100*(c+1) + 1), Kind: radio.Hamlet, Name: fmt.Sprint("Thôn ", c), Parent: commune.ID}
		h.plan.Areas = append(h.plan.Areas, commune, hamlet)
		for range 30 {
			lay(radio.Target{Area: commune.ID})
		}
		for n := range 51 {
			if len(h.places) == 3500 {
				break
			}
			h.add(radio.Place{Device: radio.Device{ID: device(1000*(c+1) + n), Code: fmt.Sprint("cum-", c, "-", n), Hamlet: hamlet.ID, Rendition: 64, Enrolled: 1},
				Chain: []radio.Area{root, commune, hamlet}})
		}
	}
	return h
}

// BenchmarkConflicts: a province-wide candidate against 3,500 devices × 50 schedules.
func BenchmarkConflicts(b *testing.B) {
	h := province()
	p := h.preview()
	candidate := schedule(9999, radio.Target{Area: area(1)}, slot(99999, "10 17 * * *", 3, 4))
	b.ReportMetric(float64(len(h.places)), "devices")
	for b.Loop() {
		got, err := p.Conflicts(b.Context(), []radio.Schedule{candidate})
		if err != nil || len(got) == 0 {
			b.Fatal(len(got), err)
		}
	}
}

// BenchmarkCheck: the whole plan on the air, 3,500 devices × 50 schedules.
func BenchmarkCheck(b *testing.B) {
	p := province().preview()
	for b.Loop() {
		if _, err := p.Check(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWeek: one commune of 51 devices.
func BenchmarkWeek(b *testing.B) {
	p := province().preview()
	for b.Loop() {
		if _, err := p.Week(b.Context(), radio.Target{Area: area(100)}, "2026-11-23", 7); err != nil {
			b.Fatal(err)
		}
	}
}
