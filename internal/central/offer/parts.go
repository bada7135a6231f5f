package offer

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
)

// divide groups the clusters by whose word counts there: those of a commune that was merged
// follow what it had decided until this one speaks.
func (h *house) divide() {
	at := map[string]int{}
	for _, p := range h.places {
		// Without its hamlets, down to the commune in which it stood first.
		p.Chain = slices.DeleteFunc(slices.Clone(p.Chain), func(a radio.Area) bool { return a.Kind == radio.Hamlet })
		of := p.Deciders()
		key := fmt.Sprint(of)
		i, ok := at[key]
		if !ok {
			i = len(h.parts)
			at[key] = i
			h.parts = append(h.parts, part{name: p.Chain[len(p.Chain)-1].Name, of: of, said: h.plan.Decided.At(of)})
		}
		h.parts[i].places = append(h.parts[i].places, p)
	}
	slices.SortFunc(h.parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(len(a.of), len(b.of)), alphabet.Compare(a.name, b.name))
	})
}

// speakers are all areas whose word counts somewhere in the commune.
func (h *house) speakers() []radio.AreaID {
	out := []radio.AreaID{h.commune.ID}
	for _, p := range h.parts {
		for _, d := range p.of {
			if !slices.Contains(out, d.Area) {
				out = append(out, d.Area)
			}
		}
	}
	return out
}

// part is clusters at which the same words count.
type part struct {
	name   string // of the commune in which they stood first
	of     []radio.Decider
	said   radio.Settlement
	places []radio.Place
}

// reached counts the part's clusters that a schedule is for.
func (p part) reached(s radio.Schedule) int {
	n := 0
	for _, at := range p.places {
		if slices.ContainsFunc(s.Targets, at.Within) {
			n++
		}
	}
	return n
}

// offers tells how one slot stands: once where it stands alike in all parts of the
// commune, else for each part by its name.
func (h *house) offers(s radio.Schedule, sl radio.Slot, titles map[radio.BulletinID]radio.Bulletin) []radio.Offer {
	var out []radio.Offer
	for _, p := range h.parts {
		n := p.reached(s)
		if n == 0 {
			continue
		}
		o := h.offer(p.said, s, sl, titles)
		i := slices.IndexFunc(out, func(was radio.Offer) bool {
			was.Part, was.Devices = "", 0
			return reflect.DeepEqual(was, o)
		})
		o.Part, o.Devices = p.name, n
		if i < 0 {
			out = append(out, o)
			continue
		}
		out[i].Part += ", " + o.Part
		out[i].Devices += n
	}
	if len(out) == 1 {
		out[0].Part = ""
	}
	return out
}

// rules gives what counts while nobody answers: the commune's own rule, and the parts in
// which that of their old commune goes on; where it goes on everywhere alike, that alone.
func (h *house) rules() (radio.OfferRule, []radio.OfferPart) {
	same := func(a, b radio.OfferRule) bool { return a.Default == b.Default && a.Hours == b.Hours }
	var out []radio.OfferPart
	for _, p := range h.parts {
		if !same(p.said.Rule, h.said.Rule) {
			out = append(out, radio.OfferPart{Name: p.name, Rule: p.said.Rule})
		}
	}
	other := func(p radio.OfferPart) bool { return !same(p.Rule, out[0].Rule) }
	if len(out) > 0 && len(out) == len(h.parts) && !slices.ContainsFunc(out, other) {
		return out[0].Rule, nil
	}
	return h.said.Rule, out
}

// order is the word that says everywhere in the commune which of two goes first.
func (h *house) order(a, b radio.ScheduleID) *radio.Decision {
	var word *radio.Decision
	for i, p := range h.parts {
		w, ok := p.said.Order(a, b)
		if !ok || i > 0 && *word != w {
			return nil
		}
		word = &w
	}
	return word
}
