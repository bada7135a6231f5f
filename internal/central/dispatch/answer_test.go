package dispatch

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

func hello(r radio.RevisionStatus) wire.HelloPayload {
	return wire.HelloPayload{Device: device(1), Journal: journalID, Head: 50, Acked: 40, Nonce: "abcdefghijklmnopqrstuv", Revisions: r}
}

func TestHelloIsAnswered(t *testing.T) {
	now := begin.Unix()
	cases := []struct {
		name  string
		holds radio.RevisionStatus
		want  []string
	}{
		{"holds everything", radio.RevisionStatus{Programme: now, Policy: now, Settings: now, Keys: 1}, []string{"send 1 welcome"}},
		{"holds nothing", radio.RevisionStatus{}, []string{"send 1 welcome", "send 1 keys", "send 1 policy", "send 1 programme", "send 1 settings"}},
		{"an older programme", radio.RevisionStatus{Programme: now - 5, Policy: now, Settings: now, Keys: 1}, []string{"send 1 welcome", "send 1 programme"}},
		{"an older keyring", radio.RevisionStatus{Programme: now, Policy: now, Settings: now, Keys: 0}, []string{"send 1 welcome", "send 1 keys"}},
		{"claims what was never issued", radio.RevisionStatus{Programme: 1 << 60, Policy: now, Settings: now, Keys: 1}, []string{"send 1 welcome", "send 1 programme"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, 1)
			h.upto = 37
			d := h.dispatcher()
			refresh(t, d)
			h.did()
			h.now = begin.Add(90 * time.Second)
			if err := d.Hello(t.Context(), device(1), hello(c.holds)); err != nil {
				t.Fatal(err)
			}
			expect(t, h, c.want...)
			w := last[wire.WelcomePayload](h, device(1), wire.Welcome)
			want := wire.WelcomePayload{Device: device(1), Nonce: "abcdefghijklmnopqrstuv", Time: radio.At(h.now), Journal: journalID, Upto: 37, Hash: trust.Hash{3},
				Revisions: radio.RevisionStatus{Programme: now, Policy: now, Settings: now, Keys: 1, Root: 1, NotAfter: radio.At(begin.AddDate(0, 0, 35))}}
			if w != want {
				t.Errorf("welcome %+v, want %+v", w, want)
			}
		})
	}
}

// A centre restored from an older copy learns from the hello which revisions it had
// issued, and goes on above them; a device that is new gets its first documents.
func TestHelloHasIssuedWhatIsMissing(t *testing.T) {
	ahead := begin.Unix() + 1000
	for _, c := range []struct {
		name  string
		holds radio.RevisionStatus
		want  int64
	}{
		{"new", radio.RevisionStatus{}, 60},
		{"restored centre", radio.RevisionStatus{Programme: ahead, Policy: ahead, Settings: ahead, Keys: 1}, 1001},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, 2)
				if c.name == "new" {
					h.places[0].Device.Enrolled = 0
				}
				d := h.dispatcher()
				run(t, h, d)
				h.did()
				pass(h, time.Minute)
				h.set(func() { h.places[0].Device.Enrolled = 1 })
				if err := d.Hello(t.Context(), device(1), hello(c.holds)); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				for _, kind := range []wire.Kind{wire.Programme, wire.Policy, wire.Settings} {
					if got := last[struct{ Revision int64 }](h, device(1), kind).Revision; got != begin.Unix()+c.want {
						t.Errorf("%s revision is %d after the hello, want %d", kind, got-begin.Unix(), c.want)
					}
				}
				for _, e := range h.did() {
					if strings.Contains(e, " 2 ") {
						t.Errorf("did %q for the other device", e)
					}
				}
			})
		})
	}
}

func TestHelloNearTheEndOfAProgramme(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 1)
		d := h.dispatcher()
		run(t, h, d)
		h.did()
		h.set(func() { h.now = begin.AddDate(0, 0, 30) }) // the centre was off
		now := begin.Unix()
		if err := d.Hello(t.Context(), device(1), hello(radio.RevisionStatus{Programme: now, Policy: now, Settings: now, Keys: 1})); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		expect(t, h, "send 1 welcome", "store 1 programme 2592000", "freeze 1 2592000", "send 1 programme")
	})
}

func TestHelloRefusesAndFails(t *testing.T) {
	other, noJournal, longNonce := hello(radio.RevisionStatus{}), hello(radio.RevisionStatus{}), hello(radio.RevisionStatus{})
	other.Device = device(2)
	noJournal.Journal = "x"
	longNonce.Nonce = strings.Repeat("n", 65)
	for _, c := range []struct {
		name  string
		hello wire.HelloPayload
		fail  string
		kind  error
	}{
		{"another device's", other, "", radio.ErrForbidden},
		{"no journal", noJournal, "", radio.ErrInvalid},
		{"a long nonce", longNonce, "", radio.ErrInvalid},
		{"watermark unknown", hello(radio.RevisionStatus{}), "watermark", radio.ErrUnavailable},
		{"documents unknown", hello(radio.RevisionStatus{}), "current", radio.ErrUnavailable},
		{"broker away", hello(radio.RevisionStatus{}), "publish", radio.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, 1)
			d := h.dispatcher()
			refresh(t, d)
			h.did()
			if c.fail != "" {
				h.fail[c.fail] = errDown
			}
			if err := d.Hello(t.Context(), device(1), c.hello); !errors.Is(err, c.kind) {
				t.Errorf("error %v, want kind %v", err, c.kind)
			}
			expect(t, h)
		})
	}
}

// The welcome went out; what the broker did not take after it comes later.
func TestHelloLeavesDocumentsToTheRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 1)
		d := h.dispatcher()
		run(t, h, d)
		h.did()
		h.set(func() { h.fail["publish:keys"], h.fail["publish:policy"] = errDown, errDown })
		if err := d.Hello(t.Context(), device(1), hello(radio.RevisionStatus{})); err != nil {
			t.Fatal(err)
		}
		expect(t, h, "send 1 welcome", "send 1 programme", "send 1 settings")
		h.set(func() { h.fail = map[string]error{} })
		pass(h, retry)
		expect(t, h, "send 1 keys", "send 1 settings", "send 1 policy", "send 1 programme")
		pass(h, time.Minute)
		expect(t, h)
	})
}

func TestAck(t *testing.T) {
	h := newHouse(t, 1)
	d := h.dispatcher()
	if err := d.Ack(t.Context(), wire.AckPayload{Device: device(1), Journal: journalID, Upto: 7, Hash: trust.Hash{7}}); err != nil {
		t.Fatal(err)
	}
	if a := last[wire.AckPayload](h, device(1), wire.Ack); a.Device != device(1) || a.Journal != journalID || a.Upto != 7 || a.Rejected != nil || a.Hash != (trust.Hash{7}) {
		t.Errorf("ack %+v", a)
	}
	// Far more poison than a batch can hold: nothing is left unnamed.
	var rejected []wire.Rejected
	for n := range 120 {
		rejected = append(rejected, wire.Rejected{Seq: uint64(2*n + 8), Reason: strings.Repeat("hỏng ", 100)})
	}
	if err := d.Ack(t.Context(), wire.AckPayload{Device: device(1), Journal: journalID, Upto: 400, Rejected: rejected, Hash: trust.Hash{9}}); err != nil {
		t.Fatal(err)
	}
	expect(t, h, "send 1 ack", "send 1 ack", "send 1 ack", "send 1 ack")
	named := 0
	for i, upto := range []uint64{106, 206, 400} {
		h.sent = h.sent[1:]
		var a wire.AckPayload
		if err := wire.Unseal(wire.Ack, string(device(1)), h.sent[0].payload, h.keyring.OnlineLookup("ack", radio.At(begin), nil), &a); err != nil {
			t.Fatal(err)
		}
		if a.Upto != upto || a.Rejected[0] != (wire.Rejected{Seq: rejected[named].Seq, Reason: strings.Repeat("hỏng ", 14) + "h"}) {
			t.Errorf("ack %d: %+v", i, a)
		}
		if want := map[uint64]trust.Hash{400: {9}}[upto]; a.Hash != want {
			t.Errorf("ack up to %d says hash %s", upto, a.Hash)
		}
		named += len(a.Rejected)
	}
	if named != len(rejected) {
		t.Errorf("%d records named, want %d", named, len(rejected))
	}
	// A device chooses what a reason quotes. JSON writes < in six bytes; an ack that burst
	// its size would never go out, and the journal would stand still for good.
	for i := range rejected {
		rejected[i].Reason = strings.Repeat(`<"`, 100)
	}
	if err := d.Ack(t.Context(), wire.AckPayload{Device: device(1), Journal: journalID, Upto: 400, Rejected: rejected, Hash: trust.Hash{9}}); err != nil {
		t.Errorf("reasons that JSON writes long: %v", err)
	}
	h.fail["publish"] = errDown
	if err := d.Ack(t.Context(), wire.AckPayload{Device: device(1), Journal: journalID, Upto: 8}); !errors.Is(err, radio.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}
