package storetest

import (
	"slices"
	"sync"
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func secondSuites() []Suite {
	return []Suite{
		{"a second factor counts from its first code on", secondFactor},
		{"a code counts once", secondOnce},
		{"a first second factor counts later, or when it is confirmed", secondFirst},
		{"two administrators take a second factor away", secondReset},
	}
}

func secondFactor(t *testing.T, s *store.Store) {
	ctx := t.Context()
	lan, hoa := account("lan"), account("hoa")
	allOf(t, s.AddPerson(ctx, lan, "x"), s.AddPerson(ctx, hoa, "x"))
	_, err := s.SecondFactor(ctx, lan.ID)
	refusedAs(t, "none", err, radio.ErrNotFound)
	refusedAs(t, "a confirmation of nothing", s.ConfirmSecond(ctx, lan.ID, "", 5, nil, planAt+900, planAt), radio.ErrConflict)
	allOf(t, s.ProposeSecond(ctx, lan.ID, "one", planAt), s.ProposeSecond(ctx, lan.ID, "two", planAt+1))
	refusedAs(t, "a secret that waits no more", s.ConfirmSecond(ctx, lan.ID, "one", 5, nil, planAt+2+900, planAt+2), radio.ErrConflict)
	refusedAs(t, "a code before", s.UseSecondStep(ctx, lan.ID, "two", 9), radio.ErrConflict)
	allOf(t, s.ConfirmSecond(ctx, lan.ID, "two", 5, []string{"a", "b"}, planAt+2+900, planAt+2))
	want := radio.SecondFactor{Person: lan.ID, Sealed: "two", Since: planAt + 2, CountsAt: planAt + 902, LastStep: 5, Recovery: 2}
	if got, err := s.SecondFactor(ctx, lan.ID); err != nil || got != want {
		t.Fatalf("%+v %v", got, err)
	}
	refusedAs(t, "twice", s.ConfirmSecond(ctx, lan.ID, "two", 6, nil, planAt+3+900, planAt+3), radio.ErrConflict)
	// A new telephone: until its first code the old one counts.
	allOf(t, s.ProposeSecond(ctx, lan.ID, "three", planAt+4), s.UseSecondStep(ctx, lan.ID, "two", 6), s.ConfirmSecond(ctx, lan.ID, "three", 4, []string{"c"}, planAt+5+900, planAt+5))
	refusedAs(t, "the old telephone", s.UseSecondStep(ctx, lan.ID, "two", 7), radio.ErrConflict)
	refusedAs(t, "an old recovery code", s.UseRecovery(ctx, lan.ID, "a", planAt+6), radio.ErrNotFound)
	refusedAs(t, "another's recovery code", s.UseRecovery(ctx, hoa.ID, "c", planAt+6), radio.ErrNotFound)
	allOf(t, s.ReplaceRecovery(ctx, lan.ID, []string{"d", "e", "f"}, planAt+6), s.UseRecovery(ctx, lan.ID, "e", planAt+7))
	if got, err := s.SecondFactor(ctx, lan.ID); err != nil || got.Recovery != 2 || got.LastStep != 4 || got.CountsAt != planAt+902 {
		t.Fatalf("%+v %v", got, err)
	}
	log, err := s.Audit(ctx, string(lan.ID), 20)
	var did []string
	for _, e := range log {
		did = append(did, e.Action)
	}
	if want := []string{"person.recovery_use", "person.recovery", "person.second", "person.second_begin", "person.second", "person.second_begin", "person.second_begin", "person.add"}; err != nil || !slices.Equal(did, want) {
		t.Fatalf("%v %v", did, err)
	}
}

func secondOnce(t *testing.T, s *store.Store) {
	ctx := t.Context()
	lan := account("lan")
	allOf(t, s.AddPerson(ctx, lan, "x"), s.ProposeSecond(ctx, lan.ID, "k", planAt), s.ConfirmSecond(ctx, lan.ID, "k", 5, []string{"r"}, planAt+900, planAt))
	use := map[string]func() error{
		"step":     func() error { return s.UseSecondStep(ctx, lan.ID, "k", 7) },
		"recovery": func() error { return s.UseRecovery(ctx, lan.ID, "r", planAt+1) },
	}
	for what, use := range use {
		errs := make([]error, 4)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = use() })
		}
		wg.Wait()
		if n := len(slices.DeleteFunc(errs, func(err error) bool { return err != nil })); n != 1 {
			t.Errorf("%s: %d of four who came at once were let through", what, n)
		}
	}
	refusedAs(t, "the first code again", s.UseSecondStep(ctx, lan.ID, "k", 5), radio.ErrConflict)
	refusedAs(t, "an earlier one", s.UseSecondStep(ctx, lan.ID, "k", 6), radio.ErrConflict)
}

func secondReset(t *testing.T, s *store.Store) {
	ctx := t.Context()
	lan, one, two := account("lan"), admin("one"), admin("two")
	allOf(t, s.AddPerson(ctx, lan, "x"), s.AddPerson(ctx, one, "x"), s.AddPerson(ctx, two, "x"))
	wish := func(by radio.UserID, at radio.Millis) radio.SecondReset {
		return radio.SecondReset{Person: lan.ID, AskedBy: by, AskedAt: at, ExpiresAt: at + 100}
	}
	refusedAs(t, "nothing to take", s.AskSecondReset(ctx, wish(one.ID, planAt)), radio.ErrConflict)
	refusedAs(t, "nothing to take, by root", s.ResetSecond(ctx, lan.ID, nil, "command:root", planAt), radio.ErrConflict)
	again := func() {
		allOf(t, s.ProposeSecond(ctx, lan.ID, "k", planAt), s.ConfirmSecond(ctx, lan.ID, "k", 5, []string{"r"}, planAt+900, planAt))
	}
	again()
	_, err := s.SecondReset(ctx, lan.ID, planAt)
	refusedAs(t, "nobody asked", err, radio.ErrNotFound)
	asked := wish(one.ID, planAt+1)
	refusedAs(t, "a wish that was never kept", s.ResetSecond(ctx, lan.ID, &asked, string(two.ID), planAt+2), radio.ErrConflict)
	allOf(t, s.AskSecondReset(ctx, asked))
	refusedAs(t, "another asks meanwhile", s.AskSecondReset(ctx, wish(two.ID, planAt+2)), radio.ErrConflict)
	if got, err := s.SecondReset(ctx, lan.ID, planAt+100); err != nil || got != asked {
		t.Fatalf("%+v %v", got, err)
	}
	_, err = s.SecondReset(ctx, lan.ID, planAt+101)
	refusedAs(t, "past its time", err, radio.ErrNotFound)
	refusedAs(t, "confirmed too late", s.ResetSecond(ctx, lan.ID, &asked, string(two.ID), planAt+101), radio.ErrConflict)
	forged := asked
	forged.AskedBy = two.ID
	refusedAs(t, "another's wish", s.ResetSecond(ctx, lan.ID, &forged, string(one.ID), planAt+3), radio.ErrConflict)

	allOf(t, s.AddSession(ctx, "s1", lan.ID, planAt, planAt+1000), s.ResetSecond(ctx, lan.ID, &asked, string(two.ID), planAt+3))
	_, err = s.SecondFactor(ctx, lan.ID)
	refusedAs(t, "taken away", err, radio.ErrNotFound)
	refusedAs(t, "a recovery code", s.UseRecovery(ctx, lan.ID, "r", planAt+4), radio.ErrNotFound)
	_, err = s.SessionPerson(ctx, "s1", planAt+4)
	refusedAs(t, "a session", err, radio.ErrNotFound)
	_, err = s.SecondReset(ctx, lan.ID, planAt+4)
	refusedAs(t, "the wish", err, radio.ErrNotFound)
	// Another set up since then is safe from the old wish, and so is one that its person made anew.
	again()
	refusedAs(t, "the same wish once more", s.ResetSecond(ctx, lan.ID, &asked, string(two.ID), planAt+5), radio.ErrConflict)
	asked = wish(one.ID, planAt+6)
	allOf(t, s.AskSecondReset(ctx, asked))
	again()
	refusedAs(t, "the person has helped themselves", s.ResetSecond(ctx, lan.ID, &asked, string(two.ID), planAt+7), radio.ErrConflict)
	allOf(t, s.ResetSecond(ctx, lan.ID, nil, "command:root", planAt+8))
}

func secondFirst(t *testing.T, s *store.Store) {
	ctx := t.Context()
	lan, hoa := account("lan"), account("hoa")
	lan.Email = "lan@hatinh.example"
	allOf(t, s.AddPerson(ctx, lan, "x"), s.AddPerson(ctx, hoa, "x"))
	set := func(id radio.UserID, what string, counts, at radio.Millis) {
		t.Helper()
		allOf(t, s.ProposeSecond(ctx, id, what, at), s.ConfirmSecond(ctx, id, what, 5, nil, counts, at))
	}
	countsAt := func(want radio.Millis) {
		t.Helper()
		if f, err := s.SecondFactor(ctx, lan.ID); err != nil || f.CountsAt != want {
			t.Errorf("counts at %d, %v, want %d", f.CountsAt-planAt, err, want-planAt)
		}
	}
	refusedAs(t, "nothing to confirm", s.CountSecond(ctx, lan.ID, 0, "command:x", planAt), radio.ErrConflict)
	set(lan.ID, "one", planAt+1000, planAt)
	set(hoa.ID, "h", planAt+5, planAt+5) // the founder
	countsAt(planAt + 1000)
	set(lan.ID, "two", planAt+2000, planAt+10) // a new telephone counts no sooner and no later
	countsAt(planAt + 1000)
	refusedAs(t, "the one before", s.CountSecond(ctx, lan.ID, planAt, string(hoa.ID), planAt+20), radio.ErrConflict)
	allOf(t, s.CountSecond(ctx, lan.ID, planAt+10, string(hoa.ID), planAt+20))
	countsAt(planAt + 20)
	refusedAs(t, "twice", s.CountSecond(ctx, lan.ID, planAt+10, string(hoa.ID), planAt+21), radio.ErrConflict)
	refusedAs(t, "the founder's", s.CountSecond(ctx, hoa.ID, 0, "command:x", planAt+21), radio.ErrConflict)
	set(lan.ID, "three", planAt+3000, planAt+30)
	countsAt(planAt + 20)

	mails, err := s.SecondMails(ctx)
	want := []radio.SecondMail{{Person: lan.ID, Login: "lan", Email: "lan@hatinh.example", At: planAt, CountsAt: planAt + 20},
		{Person: hoa.ID, Login: "hoa", Email: hoa.Email, At: planAt + 5, CountsAt: planAt + 5}}
	if err != nil || !slices.Equal(mails, want) {
		t.Errorf("%+v %v", mails, err)
	}
	old := want[0]
	old.At--
	allOf(t, s.EndSecondMail(ctx, want[1]), s.EndSecondMail(ctx, old))
	if mails, err := s.SecondMails(ctx); err != nil || !slices.Equal(mails, want[:1]) {
		t.Errorf("after one: %+v %v", mails, err)
	}
	// After a reset it is a first one again.
	allOf(t, s.EndSecondMail(ctx, want[0]), s.ResetSecond(ctx, lan.ID, nil, "command:root", planAt+40))
	set(lan.ID, "four", planAt+4000, planAt+50)
	countsAt(planAt + 4000)
	if mails, err := s.SecondMails(ctx); err != nil || len(mails) != 1 || mails[0].At != planAt+50 {
		t.Errorf("after a reset: %+v %v", mails, err)
	}
	allOf(t, s.CountSecond(ctx, lan.ID, 0, "command:x", planAt+60))
	log, err := s.Audit(ctx, string(lan.ID), 20)
	var by, told []string
	for _, e := range log {
		if e.Action == "person.second_count" {
			by = append(by, e.Actor)
		}
		if e.Action == "person.second" && len(e.Facts.Values) > 0 {
			told = append(told, e.Facts.Values[0].Field)
		}
	}
	if err != nil || !slices.Equal(by, []string{"command:x", string(hoa.ID)}) || !slices.Equal(told, []string{"counts_at", "counts_at"}) {
		t.Errorf("confirmed by %v, told %v, %v", by, told, err)
	}
}
