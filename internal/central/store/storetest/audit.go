package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func auditSuites() []Suite {
	return []Suite{
		{"audit: every entry follows the one before", auditChain},
		{"audit: many write at once", auditAtOnce},
		{"audit: from where", auditSource},
		{"audit: search", auditSearch},
		{"audit: what happens outside the database", auditWitness},
		{"audit: seals", auditSeals},
	}
}

// walk proves the chain and gives its records.
func walk(t *testing.T, s *store.Store, f radio.AuditFilter, heads ...radio.AuditHead) (out []radio.AuditRecord) {
	t.Helper()
	chain := radio.AuditChain{Picked: !f.Whole()}
	for _, h := range heads {
		chain.Expect(h)
	}
	must(t, s.ReadAudit(t.Context(), func(r *store.AuditReading) error {
		return r.Walk(t.Context(), f, func(e radio.AuditRecord) error {
			out = append(out, e)
			return chain.Add(e)
		})
	}))
	must(t, chain.End())
	return out
}

func head(t *testing.T, s *store.Store) (h radio.AuditHead) {
	t.Helper()
	must(t, s.ReadAudit(t.Context(), func(r *store.AuditReading) (err error) {
		h, err = r.Head(t.Context())
		return err
	}))
	return h
}

func auditChain(t *testing.T, s *store.Store) {
	same(t, "head of nothing", head(t, s), radio.AuditHead{Seq: 0, Hash: radio.AuditStart()})
	lan, hung := account("lan"), account("hung")
	allOf(t, s.AddPerson(t.Context(), lan, "boss"), s.AddPerson(t.Context(), hung, string(lan.ID)))
	// What is undone leaves neither an entry nor a gap.
	wantKind(t, s.AddPerson(t.Context(), lan, "boss"), radio.ErrConflict)
	must(t, s.DisablePerson(t.Context(), hung.ID, "boss", planAt+200))
	all := walk(t, s, radio.AuditFilter{}, head(t, s))
	if len(all) != 3 || all[0].Seq != 1 || all[2].Seq != 3 || all[0].Prev != radio.AuditStart() || all[2].Prev != all[1].Hash {
		t.Fatalf("%+v", all)
	}
	same(t, "head", head(t, s), radio.AuditHead{Seq: 3, Hash: all[2].Hash})
	// What a filter picks is proven entry by entry.
	some := walk(t, s, radio.AuditFilter{Subject: string(hung.ID)})
	if len(some) != 2 || some[0].Prev != all[0].Hash {
		t.Fatalf("%+v", some)
	}
	listed := need[[]radio.AuditEntry](t)(s.AuditPage(t.Context(), radio.AuditFilter{}, 0, 9))
	same(t, "hash of a listed entry", listed[0].Hash, all[2].Hash)
}

func auditAtOnce(t *testing.T, s *store.Store) {
	const writers, each = 6, 10
	var wg sync.WaitGroup
	failed := make(chan error, writers*each)
	for w := range writers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range each {
				failed <- s.AddPerson(t.Context(), account(fmt.Sprintf("p%d-%d", w, i)), "boss")
			}
		}()
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		must(t, err)
	}
	if all := walk(t, s, radio.AuditFilter{}, head(t, s)); len(all) != writers*each || all[len(all)-1].Seq != writers*each {
		t.Fatalf("%d entries", len(all))
	}
}

func auditSource(t *testing.T, s *store.Store) {
	from := radio.Source{Via: radio.ViaAPI, Address: "203.0.113.7", Token: "01TOKEN"}
	must(t, s.AddPerson(radio.WithSource(t.Context(), from), account("lan"), "boss"))
	must(t, s.AddPerson(t.Context(), account("hung"), "boss"))
	got := need[[]radio.AuditEntry](t)(s.AuditPage(t.Context(), radio.AuditFilter{}, 0, 9))
	same(t, "from", got[1].From, from)
	same(t, "from nowhere", got[0].From, radio.Source{Via: radio.ViaCentre})
}

func auditSearch(t *testing.T, s *store.Store) {
	c := SamplePlan()
	must(t, s.ApplyPlan(t.Context(), c))
	lan := account("lan")
	web := radio.WithSource(t.Context(), radio.Source{Via: radio.ViaWeb, Address: "192.0.2.10"})
	must(t, s.AddPerson(web, lan, "boss"))
	area := c.Areas[len(c.Areas)-1].ID
	must(t, s.PutContact(web, radio.AreaContact{Area: area, Name: "Đặng Hữu Phước", Phone: "0912 345 678"}, "boss", planAt+5))
	must(t, s.PutContact(web, radio.AreaContact{Area: area, Name: "Đặng Hữu Lộc_100%", Phone: "0912 345 678"}, "boss", planAt+6))
	find := func(f radio.AuditFilter) (out []string) {
		for _, e := range need[[]radio.AuditEntry](t)(s.AuditPage(t.Context(), f, 0, 100)) {
			out = append(out, e.Action)
		}
		return out
	}
	contact := []string{"contact.change", "contact.change"}
	same(t, "words without marks", find(radio.AuditFilter{Text: "dang huu"}), contact)
	same(t, "words before the change", find(radio.AuditFilter{Text: "PHƯỚC"}), contact)
	same(t, "signs of LIKE are text", find(radio.AuditFilter{Text: "loc_100%"}), contact[:1])
	same(t, "and are no signs", find(radio.AuditFilter{Text: "l%c"}), []string(nil))
	same(t, "names", find(radio.AuditFilter{Text: "nobody's words", Named: []radio.UserID{lan.ID}}), []string{"person.add"})
	same(t, "area", find(radio.AuditFilter{Areas: []radio.AreaID{area}, Action: "contact."}), contact)
	same(t, "no area", find(radio.AuditFilter{Areas: []radio.AreaID{}}), []string(nil))
	same(t, "address", find(radio.AuditFilter{Address: "192.0.2."}), append(contact, "person.add"))
	same(t, "no such address", find(radio.AuditFilter{Address: "92.0.2."}), []string(nil))
	same(t, "way", find(radio.AuditFilter{Via: radio.ViaWeb}), append(contact, "person.add"))
	got := need[[]radio.AuditEntry](t)(s.Audit(t.Context(), string(area), 1))
	same(t, "before and after", got[0].Facts.Values, []radio.AuditValue{{Field: "contact_name", Was: "Đặng Hữu Phước", Now: "Đặng Hữu Lộc_100%"}})
	for _, action := range []string{"policy.change", "schedule.publish"} {
		if found := find(radio.AuditFilter{Action: action}); len(found) == 0 {
			t.Errorf("an import leaves no %s", action)
		}
	}
}

func auditWitness(t *testing.T, s *store.Store) {
	ctx := radio.WithSource(t.Context(), radio.Source{Via: radio.ViaCommand, Address: "hoa"})
	broken := errors.New("disk full")
	err := s.Witness(ctx, "key.online", "keys", planAt, func() (radio.AuditFacts, error) { return radio.AuditFacts{}, broken })
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	must(t, s.Witness(ctx, "key.online", "keys", planAt, func() (radio.AuditFacts, error) { return radio.AuditFacts{Key: "KID"}, nil }))
	all := walk(t, s, radio.AuditFilter{}, head(t, s))
	if len(all) != 1 || all[0].Actor != "command:hoa" || all[0].From.Address != "hoa" || !strings.Contains(all[0].Detail, "KID") {
		t.Fatalf("%+v", all)
	}
	gone, stop := context.WithCancel(ctx)
	stop()
	ran := false
	if err := s.Witness(gone, "key.online", "keys", planAt, func() (radio.AuditFacts, error) { ran = true; return radio.AuditFacts{}, nil }); err == nil || ran {
		t.Errorf("changed without an entry: %v", err)
	}
}

func auditSeals(t *testing.T, s *store.Store) {
	must(t, s.AddPerson(t.Context(), account("lan"), "boss"))
	var want []radio.AuditSeal
	add := func(words string) {
		x := radio.AuditSeal{Number: int64(len(want) + 1), Before: words + " before", Head: head(t, s), Envelope: []byte(words)}
		x.Head.At = planAt
		got, err := s.AddAuditSeal(t.Context(), func(newest radio.AuditSeal) (radio.AuditSeal, error) {
			var last radio.AuditSeal
			if len(want) > 0 {
				last = want[len(want)-1]
			}
			same(t, "newest", newest, last)
			return x, nil
		})
		must(t, err)
		same(t, "added", got, x)
		want = append(want, x)
	}
	add("first")
	add("second of one entry")
	if got, err := s.AddAuditSeal(t.Context(), func(newest radio.AuditSeal) (radio.AuditSeal, error) { return newest, nil }); err != nil || got.Number != 2 {
		t.Errorf("%+v %v", got, err)
	}
	_, err := s.AddAuditSeal(t.Context(), func(radio.AuditSeal) (radio.AuditSeal, error) { return radio.AuditSeal{}, radio.ErrUnavailable })
	refusedAs(t, "not signed", err, radio.ErrUnavailable)
	must(t, s.ReadAudit(t.Context(), func(r *store.AuditReading) error {
		same(t, "seals", need[[]radio.AuditSeal](t)(r.Seals(t.Context())), want)
		return nil
	}))
}
