package inbox

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/trust/trusttest"
	"loaxa/internal/wire"
)

// spoken adds an audio of its own slot to a programme.
func spoken(p *radio.Programme, n byte) int {
	a := p.Audio[0]
	a.Bulletin, a.Title = id[radio.BulletinID](100+n), fmt.Sprint("audio ", n)
	a.Renditions = []radio.Rendition{a.Renditions[0]}
	a.Renditions[0].SHA256 = sha(100 + int(n))
	p.Audio = append(p.Audio, a)
	p.Slots[0].Items = append(p.Slots[0].Items, radio.Item{Entry: id[radio.EntryID](100 + n), Kind: radio.KindAudio, Bulletin: a.Bulletin, Version: a.Version, Repeat: 1})
	return len(p.Audio) - 1
}

func (l *lab) refused(t testing.TB) (titles []string) {
	t.Helper()
	p, ok := l.Programme()
	if !ok {
		t.Fatal("no programme")
	}
	for _, a := range p.Audio {
		if err := l.CheckApproval(p, a.Bulletin, a.Version); err != nil {
			if !final(err) {
				t.Errorf("%s: %v is none of radio's kinds", a.Title, err)
			}
			titles = append(titles, a.Title)
		}
	}
	return titles
}

// A programme is taken whole; of its audio what nobody may have approved is refused, and
// that is told. Each row does something to the second of three.
func TestApprovals(t *testing.T) {
	neighbour, local, stranger := trusttest.NewApprover(t, nextDoor), trusttest.NewApprover(t, commune), trusttest.NewApprover(t, province)
	hamlets := trusttest.NewApprover(t, hamlet)
	for name, c := range map[string]struct {
		change func(l *lab, p *radio.Programme)
		holds  bool
	}{
		"the province's":        {func(l *lab, p *radio.Programme) {}, true},
		"the commune's":         {func(l *lab, p *radio.Programme) { local.ApproveOne(l.t, p, 1) }, true},
		"the hamlet's own":      {func(l *lab, p *radio.Programme) { hamlets.ApproveOne(l.t, p, 1) }, true},
		"nobody's":              {func(l *lab, p *radio.Programme) { p.Audio[1].Approval = nil }, false},
		"another commune's":     {func(l *lab, p *radio.Programme) { neighbour.ApproveOne(l.t, p, 1) }, false},
		"a stranger's":          {func(l *lab, p *radio.Programme) { stranger.ApproveOne(l.t, p, 1) }, false},
		"that of another audio": {func(l *lab, p *radio.Programme) { p.Audio[1].Approval = p.Audio[0].Approval }, false},
		"for another sound":     {func(l *lab, p *radio.Programme) { p.Audio[1].Renditions[0].SHA256 = sha(77) }, false},
		"for one rendition of two": {func(l *lab, p *radio.Programme) {
			r := p.Audio[1].Renditions[0]
			r.SHA256 = sha(78)
			p.Audio[1].Renditions = append(p.Audio[1].Renditions, r)
		}, false},
		"at another instant":         {func(l *lab, p *radio.Programme) { a := *p.Audio[1].Approval; a.At++; p.Audio[1].Approval = &a }, false},
		"another title is no matter": {func(l *lab, p *radio.Programme) { p.Audio[1].Title = "khác" }, true},
		"a wider scope than the key's": {func(l *lab, p *radio.Programme) {
			wide := local
			wide.Scope = province
			wide.ApproveOne(l.t, p, 1)
		}, false},
		"signed by the online key": {func(l *lab, p *radio.Programme) {
			trusttest.Approver{ID: l.approvers[0].ID, Key: l.online, Scope: province}.ApproveOne(l.t, p, 1)
		}, false},
		"signed by the root": {func(l *lab, p *radio.Programme) {
			trusttest.Approver{ID: l.approvers[0].ID, Key: l.root, Scope: province}.ApproveOne(l.t, p, 1)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.approvers = append(l.approvers, neighbour, local, hamlets)
			if err := l.take(t, wire.Keys, l.keyring(2, l.online)); err != nil {
				t.Fatal(err)
			}
			p := programme(10)
			spoken(&p, 1)
			spoken(&p, 2)
			l.approvers[0].Approve(t, &p)
			c.change(l, &p)
			title := p.Audio[1].Title
			if err := l.take(t, wire.Programme, l.seal(wire.Programme, p)); err != nil {
				t.Fatal(err)
			}
			for _, when := range []string{"when it came", "after a restart"} {
				refused := l.refused(t)
				fault, open := l.faults[FaultApproval]
				if c.holds != (len(refused) == 0) || open == c.holds || !c.holds && (!slices.Equal(refused, []string{title}) || !strings.Contains(fault, title)) {
					t.Errorf("%s: refused %q, fault %q", when, refused, fault)
				}
				clear(l.faults)
				l.restart(t)
			}
			if n := len(l.journal.records); n != 0 == c.holds || n > 1 {
				t.Errorf("records %+v", l.journal.records)
			}
		})
	}
}

// A keyring that revokes an approver, or brings one, changes what may sound at once, also
// of a programme that has been replaced and still sounds; the fault follows.
func TestApprovalsAreJudgedAgain(t *testing.T) {
	l := newLab(t)
	other := trusttest.NewApprover(t, commune)
	p := programme(10)
	spoken(&p, 1)
	l.approvers[0].Approve(t, &p)
	other.ApproveOne(t, &p, 1)
	if err := l.take(t, wire.Programme, l.seal(wire.Programme, p)); err != nil {
		t.Fatal(err)
	}
	first, _ := l.Programme()
	want := func(when string, refused ...string) {
		t.Helper()
		if got := l.refused(t); !slices.Equal(got, refused) {
			t.Errorf("%s: refused %q, want %q", when, got, refused)
		}
		if _, open := l.faults[FaultApproval]; open != (len(refused) > 0) {
			t.Errorf("%s: fault %v", when, l.faults)
		}
	}
	ring := func(version int64) {
		t.Helper()
		changed := l.Changed()
		if err := l.take(t, wire.Keys, l.keyring(version, l.online)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-changed:
		default:
			t.Error("nobody was told of the keyring")
		}
	}
	want("before the second approver is known", "audio 1")
	l.approvers = append(l.approvers, other)
	ring(2)
	want("with both")
	q := programme(11)
	if err := l.take(t, wire.Programme, l.seal(wire.Programme, q)); err != nil {
		t.Fatal(err)
	}
	if err := l.CheckApproval(first, p.Audio[1].Bulletin, 1); err != nil {
		t.Errorf("of the programme before: %v", err)
	}
	if err := l.CheckApproval(first, "X", 1); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("of none: %v", err)
	}
	l.revoked = []string{other.Key.KID()}
	ring(3)
	want("the active programme holds nothing of theirs")
	if err := l.CheckApproval(first, p.Audio[1].Bulletin, 1); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("what still sounds of the programme before: %v", err)
	}
	l.revoked = []string{l.approvers[0].Key.KID()}
	ring(4)
	want("the first is revoked", "revision 11")
	l.restart(t)
	want("after a restart", "revision 11")
	l.revoked = nil
	ring(5)
	want("a keyring that knows nothing of that", "revision 11")
	if err1, err2 := l.CheckApproval(first, "X", 1), l.CheckApproval(first, "X", 2); err1 == nil || err2 == nil {
		t.Error("an audio nobody knows is approved")
	}
}

// A verdict is proven once for each programme and keyring.
func TestVerdictsAreKept(t *testing.T) {
	l := newLab(t)
	p := programme(10)
	p.Signers = []string{"none"} // as it stands: without any approval
	if err := l.take(t, wire.Programme, l.seal(wire.Programme, p)); err != nil {
		t.Fatal(err)
	}
	held, _ := l.Programme()
	err := l.CheckApproval(held, p.Audio[0].Bulletin, 1)
	if again := l.CheckApproval(held, p.Audio[0].Bulletin, 1); err == nil || again != err { //nolint:errorlint // the very same
		t.Errorf("%v, then %v", err, again)
	}
	for i := range 20 * maxJudged {
		q := p
		q.Revision = int64(100 + i)
		if err := l.CheckApproval(&q, p.Audio[0].Bulletin, 1); err == nil {
			t.Fatal("not approved, yet may sound")
		}
		if n := len(l.verdicts.of); n > maxJudged {
			t.Fatalf("verdicts of %d programmes are kept", n)
		}
	}
}

// Random programmes under random keyrings: the verdict is what design §8 says, worked out
// here a second way from who signed what, and nothing a stranger changes makes it better.
func TestApprovalProperty(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 20
	}
	areas := []radio.AreaID{province, commune, hamlet, nextDoor}
	for round := range rounds {
		r := rand.New(rand.NewPCG(uint64(round), 5))
		l := newLab(t)
		var persons []trusttest.Approver
		for range 2 + r.IntN(4) {
			persons = append(persons, trusttest.NewApprover(t, areas[r.IntN(len(areas))]))
		}
		// Who signed which audio, for which area, and whether it was bent afterwards.
		type signing struct {
			by   int // −1: nobody
			area radio.AreaID
			bent bool
		}
		p := programme(10)
		for n := range 1 + r.IntN(6) {
			spoken(&p, byte(n))
		}
		var signed []signing
		for i := range p.Audio {
			s := signing{by: r.IntN(len(persons)+1) - 1, area: areas[r.IntN(len(areas))]}
			if s.by >= 0 {
				by := persons[s.by]
				by.Scope = s.area
				by.ApproveOne(t, &p, i)
				s.bent = bend(r, &p, i)
			}
			signed = append(signed, s)
		}
		if len(p.Signers) == 0 {
			p.Signers = []string{"none"}
		}
		if err := l.take(t, wire.Programme, l.seal(wire.Programme, p)); err != nil {
			t.Fatal(err)
		}
		revoked := map[int]bool{} // for good
		for version := int64(2); version < 6; version++ {
			k := trust.Keyring{Version: version, Province: province, Online: []trust.OnlineKey{{JWK: l.online.Public(), Kinds: wire.OnlineKinds(), Scope: province, NotAfter: radio.At(start.AddDate(1, 0, 0))}}}
			listed, ended := map[int]bool{}, map[int]bool{}
			for i, a := range persons {
				one := a.Person()
				switch r.IntN(6) {
				case 0:
					continue
				case 1:
					revoked[i] = true
					k.Revoked = append(k.Revoked, a.Key.KID())
				case 2:
					ended[i] = true
					one.NotAfter = p.IssuedAt
				case 3:
					one.NotAfter = p.IssuedAt + 1 // ended since: what it approved stays
				}
				if r.IntN(5) == 0 {
					one.May = []string{trust.MayAlert}
					ended[i] = true
				}
				listed[i] = true
				k.Persons = append(k.Persons, one)
			}
			if err := l.take(t, wire.Keys, must(trust.SignKeyring(k, l.root))); err != nil {
				t.Fatal(err)
			}
			held, _ := l.Programme()
			for i, a := range held.Audio {
				s := signed[i]
				chain := []radio.AreaID{province, commune, hamlet}
				at := slices.Index(chain, s.area)
				may := s.by >= 0 && !s.bent && listed[s.by] && !revoked[s.by] && !ended[s.by] && at >= 0 &&
					slices.Contains(chain[:at+1], persons[s.by].Scope)
				if err := l.CheckApproval(held, a.Bulletin, a.Version); (err == nil) != may {
					t.Fatalf("round %d keyring %d audio %d (%+v, listed %v revoked %v ended %v): may sound %v, verdict %v", round, version, i, s, listed, revoked, ended, may, err)
				}
			}
		}
	}
}

// bend changes, now and then, something that the approver's signature binds.
func bend(r *rand.Rand, p *radio.Programme, i int) bool {
	a := &p.Audio[i]
	switch r.IntN(8) {
	case 0:
		a.Renditions = slices.Clone(a.Renditions)
		a.Renditions[0].SHA256 = sha(1000 + r.IntN(1000))
	case 1:
		a.Approval.At += radio.Millis(1 + r.IntN(1000))
	case 2:
		b := []byte(a.Approval.Signature)
		at := r.IntN(len(b) - 2) // the last holds bits that mean nothing
		if b[at]++; !('a' < b[at] && b[at] <= 'z') {
			b[at] = 'a' + byte(r.IntN(20))
		}
		if string(b) == a.Approval.Signature {
			return false
		}
		a.Approval.Signature = string(b)
	default:
		return false
	}
	return true
}
