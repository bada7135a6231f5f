package programme

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// The persons of these tests: one approves for the province, one for each of the communes
// 10 and 20; the key of one was stolen, that of another had ended.
var (
	pens = map[radio.UserID]trust.Key{"AN": pen(1), "BINH": pen(2), "CHI": pen(3), "DUNG": pen(4), "EM": pen(5), "STRANGER": pen(6)}
	ring = trust.Keyring{Version: 1, Province: area(1), Persons: []trust.PersonKey{
		holder("AN", area(1)), holder("BINH", area(10)), holder("CHI", area(20)), holder("DUNG", area(1)), ended(holder("EM", area(1))),
	}, Revoked: []string{pens["DUNG"].KID()}}
	signedAt = radio.At(now.AddDate(0, 0, -1))
)

// pen is the same in every run: what it signs stands in a golden file.
func pen(n byte) trust.Key {
	k, err := trust.KeyFrom(ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), n)))
	if err != nil {
		panic(err)
	}
	return k
}

func holder(person radio.UserID, scope radio.AreaID) trust.PersonKey {
	return trust.PersonKey{ID: person, JWK: pens[person].Public(), Scope: scope, May: []string{trust.MayApprove}}
}

func ended(p trust.PersonKey) trust.PersonKey {
	p.NotAfter = signedAt
	return p
}

// signed has a version approved for the province.
func signed(b radio.Bulletin) radio.Bulletin { return signedBy(b, "AN", area(1)) }

// signedBy has a version of a desk approved by a person.
func signedBy(b radio.Bulletin, by radio.UserID, desk radio.AreaID) radio.Bulletin {
	b.Area = desk
	s, err := trust.SignApproval(trust.ClaimOf(b.Audio(), by, signedAt), desk, pens[by])
	if err != nil {
		panic(err)
	}
	b.Signed = &radio.ApprovalRow{KID: pens[by].KID(), Person: by, Area: desk, SignedApproval: s}
	return b
}

// TestUnsigned: what no device would take is left out and named; a device elsewhere is not
// told that it needs approval again.
func TestUnsigned(t *testing.T) {
	here := radio.Target{Area: area(1)}
	for name, c := range map[string]struct {
		change func(radio.Bulletin) radio.Bulletin
		want   radio.ExclusionReason
	}{
		"signed":                    {signed, ""},
		"by the commune for itself": {func(b radio.Bulletin) radio.Bulletin { return signedBy(b, "BINH", area(10)) }, ""},
		"by the province for it":    {func(b radio.Bulletin) radio.Bulletin { return signedBy(b, "AN", area(10)) }, ""},
		"of another commune":        {func(b radio.Bulletin) radio.Bulletin { return signedBy(b, "CHI", area(20)) }, radio.Elsewhere},
		"not signed":                {func(b radio.Bulletin) radio.Bulletin { b.Signed = nil; return b }, radio.Unsigned},
		"by a revoked key":          {func(b radio.Bulletin) radio.Bulletin { return signedBy(b, "DUNG", area(1)) }, radio.Unsigned},
		"by a key that had ended":   {func(b radio.Bulletin) radio.Bulletin { return signedBy(b, "EM", area(1)) }, radio.Unsigned},
		"by nobody of the keyring":  {func(b radio.Bulletin) radio.Bulletin { return signedBy(b, "STRANGER", area(1)) }, radio.Unsigned},
		"by a commune for all":      {func(b radio.Bulletin) radio.Bulletin { return signedBy(b, "BINH", area(1)) }, radio.Unsigned},
		"other audio than signed":   {func(b radio.Bulletin) radio.Bulletin { b.Renditions = b.Renditions[:1]; return b }, radio.Unsigned},
	} {
		t.Run(name, func(t *testing.T) {
			stock := bulletins(c.change(approved(1, time.Minute)), approved(2, time.Minute))
			p, left, err := resolve(input{Place: place(1, 1), Schedules: []radio.Schedule{schedule(1, here, slot(1, "0 5 * * *", 1, 2))}, Bulletins: stock, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				if len(left) != 0 || len(p.Audio) != 2 {
					t.Errorf("%d audio, left out %+v", len(p.Audio), left)
				}
				return
			}
			if len(left) != 1 || left[0].Reason != c.want || left[0].VI == "" || left[0].EN == "" || left[0].Entry == "" || len(p.Audio) != 1 {
				t.Errorf("%d audio, left out %+v, want %s", len(p.Audio), left, c.want)
			}
			issued(t, p)
		})
	}
}

// TestWithoutAKeyring: who cannot prove anything airs nothing.
func TestWithoutAKeyring(t *testing.T) {
	stock := Resolver{}.Current([]radio.Bulletin{approved(1, time.Minute)})
	p, left, err := Resolver{}.Programme(place(1, 1), []radio.Schedule{schedule(1, radio.Target{Area: area(1)}, slot(1, "0 5 * * *", 1))}, radio.Decided{}, stock, nil, now)
	if err != nil || len(p.Audio) != 0 || len(p.Slots) != 0 || len(left) != 2 || left[0].Reason != radio.Unsigned {
		t.Errorf("%d audio, %+v, %v", len(p.Audio), left, err)
	}
}

// TestNoAudioWithoutAnApproval: random desks, signers, tampering and places: a programme
// holds an audio exactly when the device's own check takes its approval.
func TestNoAudioWithoutAnApproval(t *testing.T) {
	signers := []radio.UserID{"AN", "AN", "BINH", "CHI", "DUNG", "EM", "STRANGER"}
	desks := []radio.AreaID{area(1), area(1), area(10), area(20)}
	in, out := 0, 0
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 17))
		var stock []radio.Bulletin
		for n := range 10 {
			b := signedBy(approved(n, time.Minute), signers[r.IntN(len(signers))], desks[r.IntN(len(desks))])
			switch row := *b.Signed; r.IntN(8) {
			case 0:
				b.Version++ // revised behind the approver's back
			case 1:
				b.Renditions[r.IntN(2)].SHA256 = hash(5000 + n)
			case 2:
				row.At++
				b.Signed = &row
			case 3:
				b.Signed = nil
			case 4:
				row.Area = desks[r.IntN(len(desks))] // a row that says another area than its header
				b.Signed = &row
			}
			stock = append(stock, b)
		}
		here := place(1+r.IntN(2), 1)
		plan := schedule(1, radio.Target{Area: area(1)}, slot(1, "0 5 * * *", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9))
		p, left, err := resolve(input{Place: here, Schedules: []radio.Schedule{plan}, Bulletins: bulletins(stock...), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		chain := []radio.AreaID{here.Chain[0].ID, here.Chain[1].ID, here.Chain[2].ID}
		listed := map[radio.BulletinID]bool{}
		for _, a := range p.Audio {
			s, ok := p.Approval(a)
			if !ok {
				t.Fatalf("seed %d: audio without an approval", seed)
			}
			if _, err := ring.CheckApproval(a, s, chain); err != nil {
				t.Fatalf("seed %d: the device would refuse: %v", seed, err)
			}
			listed[a.Bulletin] = true
			in++
		}
		for _, b := range stock {
			if listed[b.ID] || b.Signed == nil || b.Signed.Area != b.Area {
				continue
			}
			if area, err := ring.CheckApproval(b.Audio(), b.Signed.SignedApproval, chain); err == nil && area == b.Area {
				t.Fatalf("seed %d: %s is left out, and a device would take it", seed, b.Code)
			}
			out++
		}
		if len(listed)+len(left) < len(stock) {
			t.Fatalf("seed %d: %d listed, %d named as left out, of %d", seed, len(listed), len(left), len(stock))
		}
		if seed == 0 {
			issued(t, p)
		}
	}
	if in < 100 || out < 100 {
		t.Errorf("%d in, %d out: the cases are too tame", in, out)
	}
}

// The helpers above must be able to fail.
func TestRingOfTheTests(t *testing.T) {
	for by, want := range map[radio.UserID]bool{"AN": true, "BINH": false, "DUNG": false, "EM": false, "STRANGER": false} {
		if err := ring.CheckBulletin(signedBy(approved(1, time.Minute), by, area(1))); (err == nil) != want || err != nil && !errors.Is(err, radio.ErrForbidden) {
			t.Errorf("%s: %v", by, err)
		}
	}
	if !slices.Equal([]string{fmt.Sprint(ring.MayApprove("BINH", area(10), signedAt), ring.MayApprove("BINH", area(1), signedAt), ring.MayApprove("DUNG", area(1), signedAt),
		ring.MayApprove("EM", area(1), signedAt), ring.MayApprove("EM", area(1), signedAt-1), ring.MayApprove("AN", area(20), signedAt))}, []string{"true false false false true true"}) {
		t.Error("who may approve")
	}
}
