package alert

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// running starts the room and gives what ends it.
func running(t *testing.T, d *Desk) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func wantSent(t *testing.T, h *house, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := h.took(); !slices.Equal(got, want) {
		t.Errorf("sent\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// TestRounds: to the area at once with the voice behind it, then to each device that has
// said nothing at 3, 10 and 30 seconds, and no more.
func TestRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		defer running(t, d)()
		voice, err := d.Voice(t.Context(), strings.NewReader("giọng đọc"))
		must(t, err)
		h.begun = time.Now()
		a := h.issued(d, "xa-1", func(w *radio.AlertWish) { w.Voice = &voice }, "chi")
		time.Sleep(time.Second)
		wantSent(t, h, "0s alert xa-1", "0s voice xa-1")
		h.hear(a.ID, 0, radio.ReceiptReceived, "")
		time.Sleep(4 * time.Second)
		wantSent(t, h, "3s alert cum-12")
		time.Sleep(6 * time.Second)
		wantSent(t, h, "10s alert cum-12")
		h.hear(a.ID, 1, radio.ReceiptReceived, "")
		time.Sleep(time.Hour)
		wantSent(t, h)
	})
}

// TestBrokerAway: what the broker does not take goes out as soon as it does.
func TestBrokerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		defer running(t, d)()
		h.fail = errors.New("no broker")
		h.begun = time.Now()
		h.issued(d, "xa-1", nil, "chi")
		time.Sleep(20*time.Second + time.Millisecond)
		wantSent(t, h)
		h.mu.Lock()
		h.fail = nil
		h.mu.Unlock()
		time.Sleep(5 * time.Second)
		wantSent(t, h, "21s alert xa-1", "24s alert cum-11", "24s alert cum-12")
	})
}

// TestRestart: a centre that comes up again, also one that lost its broker's memory, goes
// on from the store with what has neither ended nor been cancelled.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		a := h.issued(d, "xa-1", nil, "chi") // the centre falls before Run sees it
		b := h.issued(d, "thon-1", nil, "chi")
		_, err := d.Cancel(t.Context(), h.people["chi"].Person, b.ID, "", typed)
		must(t, err)
		h.hear(a.ID, 0, radio.ReceiptReceived, "")
		time.Sleep(time.Minute)
		h.begun = time.Now()
		again := h.desk()
		stop := running(t, again)
		time.Sleep(5 * time.Second)
		wantSent(t, h, "0s alert xa-1", "0s tomb thon-1", "3s alert cum-12", "3s tomb cum-11", "3s tomb cum-12")
		stop()
		time.Sleep(time.Hour)
		h.begun = time.Now()
		defer running(t, h.desk())()
		time.Sleep(time.Minute)
		wantSent(t, h) // both have ended
	})
}

// TestCancelWins: from the tombstone on nothing of the alert is sent any more, whatever
// round it was in, and the tombstone goes to those that have not ended it.
func TestCancelWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		defer running(t, d)()
		h.begun = time.Now()
		a := h.issued(d, "xa-1", nil, "chi")
		time.Sleep(4 * time.Second)
		wantSent(t, h, "0s alert xa-1", "3s alert cum-11", "3s alert cum-12")
		h.hear(a.ID, 0, radio.ReceiptRunning, "")
		_, err := d.Cancel(t.Context(), h.people["chi"].Person, a.ID, "nhầm", typed)
		must(t, err)
		time.Sleep(time.Second)
		wantSent(t, h, "4s tomb xa-1")
		h.hear(a.ID, 0, radio.ReceiptDone, radio.ReasonCancelled)
		time.Sleep(3 * time.Second)
		wantSent(t, h, "7s tomb cum-12")
	})
}

// TestHello: who connects while an alert stands gets it, once it has done with it no
// more; the same of a tombstone; nothing of other areas, nothing after the end.
func TestHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		hello := func(device int) {
			t.Helper()
			must(t, d.Hello(t.Context(), h.places[device].Device.ID, nil))
		}
		hello(0) // before Run has read anything
		h.issued(d, "thon-2", nil, "an", "binh")
		a := h.issued(d, "xa-1", nil, "chi")
		h.begun = time.Now()
		hello(0)
		hello(2)
		wantSent(t, h, "0s alert cum-11", "0s alert cum-21")
		stop := running(t, d)
		time.Sleep(time.Minute)
		h.took()
		for _, c := range []struct {
			state  radio.ReceiptState
			reason radio.Reason
			again  bool
		}{
			{radio.ReceiptReceived, "", true}, {radio.ReceiptAccepted, "", true}, {radio.ReceiptRunning, "", true}, {radio.ReceiptDone, "", false},
		} {
			h.hear(a.ID, 0, c.state, c.reason)
			hello(0)
			if got := len(h.took()); (got == 1) != c.again {
				t.Errorf("after %s: %d messages", c.state, got)
			}
		}
		h.hear(a.ID, 1, radio.ReceiptRejected, radio.ReasonSigners) // its keyring was old
		hello(1)
		if got := len(h.took()); got != 1 {
			t.Errorf("after a refusal that a newer keyring mends: %d messages", got)
		}
		_, err := d.Cancel(t.Context(), h.people["chi"].Person, a.ID, "", typed)
		must(t, err)
		time.Sleep(time.Minute)
		h.took()
		hello(0) // it has ended it by itself
		hello(1)
		if got := h.took(); len(got) != 1 || !strings.HasSuffix(got[0], "tomb cum-12") {
			t.Errorf("after the cancel: %v", got)
		}
		time.Sleep(time.Hour)
		hello(1)
		hello(2)
		wantSent(t, h)
		stop()
	})
}

// TestLackingVoice: a device that says so gets the voice of an alert that stands once more,
// by its hamlet's topic, whatever it has said of the alert; nobody gets another's.
func TestLackingVoice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		voice, err := d.Voice(t.Context(), strings.NewReader("giọng đọc"))
		must(t, err)
		a := h.issued(d, "xa-1", func(w *radio.AlertWish) { w.Voice = &voice }, "chi")
		h.begun = time.Now()
		hello := func(device int, lacks ...radio.SHA256) {
			t.Helper()
			must(t, d.Hello(t.Context(), h.places[device].Device.ID, lacks))
		}
		hello(0, voice.SHA256)
		for range 100 {
			hello(0, voice.SHA256) // a device gone wild does not fill its neighbours' lines
		}
		got := h.took()
		if slices.Index(got, "0s voice thon-1") < 0 || len(got) != 102 {
			t.Errorf("sent %d messages: %v", len(got), got)
		}
		time.Sleep(voiceEvery)
		h.begun = time.Now()
		h.hear(a.ID, 0, radio.ReceiptDone, "")
		hello(0)
		hello(0, radio.VoiceHash([]byte("khác")))
		hello(2, voice.SHA256) // of another commune
		wantSent(t, h)
		hello(0, voice.SHA256)
		wantSent(t, h, "0s voice thon-1")
		_, err = d.Cancel(t.Context(), h.people["chi"].Person, a.ID, "", typed)
		must(t, err)
		hello(1, voice.SHA256)
		wantSent(t, h, "0s tomb cum-12")
	})
}

// TestStandingAlert: it is sent until the device says that it keeps it, and its tombstone
// at every hello until it would have ended: "done" may be the word of an earlier start.
func TestStandingAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		a := h.issued(d, "xa-1", func(w *radio.AlertWish) { w.Standing, w.LifeMinutes = true, 60*24*30 }, "chi")
		told := func() int {
			must(t, d.Hello(t.Context(), h.places[0].Device.ID, nil))
			return len(h.took())
		}
		time.Sleep(20 * 24 * time.Hour)
		if told() != 1 {
			t.Error("not told of a standing alert after 20 days")
		}
		h.hear(a.ID, 0, radio.ReceiptAccepted, "")
		if told() != 0 {
			t.Error("told again what it keeps")
		}
		h.hear(a.ID, 0, radio.ReceiptDone, "")
		_, err := d.Cancel(t.Context(), h.people["chi"].Person, a.ID, "", typed)
		must(t, err)
		for range 2 {
			if told() != 1 {
				t.Error("not told of the tombstone of a standing alert")
			}
		}
		time.Sleep(11 * 24 * time.Hour)
		if told() != 0 {
			t.Error("told after the end")
		}
	})
}

// TestWhatADeviceOwes is a property of the decision: whatever receipts came in whatever
// order, an alert is sent again exactly until a final word (or one that a newer keyring
// mends), and more words never make it sent again.
func TestWhatADeviceOwes(t *testing.T) {
	states := []radio.ReceiptState{radio.ReceiptReceived, radio.ReceiptAccepted, radio.ReceiptRunning, radio.ReceiptDone, radio.ReceiptFailed, radio.ReceiptExpired}
	random := rand.New(rand.NewPCG(4, 13))
	for range 2000 {
		for _, state := range []radio.AlertState{radio.AlertIssued, radio.AlertCancelled} {
			a := radio.AlertRecord{State: state}
			var said []radio.Receipt
			was := owed(a, said, 0)
			if !was {
				t.Fatal("nothing said, nothing owed")
			}
			for range random.IntN(6) {
				said = append(said, radio.Receipt{State: states[random.IntN(len(states))], Received: 10})
				shuffled := slices.Clone(said)
				random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
				is := owed(a, shuffled, 0)
				final := slices.ContainsFunc(said, func(r radio.Receipt) bool { return r.State.Final() })
				if is == final || is && !was {
					t.Fatalf("%s after %v: owed %v, before %v", state, said, is, was)
				}
				was = is
				if !owed(a, shuffled, 11) {
					t.Fatal("what another board said counts for a new one")
				}
			}
		}
	}
}

func topicOf(h *house, device int) string {
	return wire.DownTopic(h.places[device].Device.ID, wire.Alert)
}

func (h *house) makeBusy(topics ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.busy = map[string]bool{}
	for _, t := range topics {
		h.busy[t] = true
	}
}

// TestBusyDevice: what the broker does not take for one device goes out when it does, and
// the others are not told again for that.
func TestBusyDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		defer running(t, d)()
		h.makeBusy(topicOf(h, 0))
		h.begun = time.Now()
		h.issued(d, "xa-1", nil, "chi")
		time.Sleep(5 * time.Second)
		wantSent(t, h, "0s alert xa-1", "3s alert cum-12")
		h.makeBusy()
		time.Sleep(4 * time.Second)
		wantSent(t, h, "6s alert cum-11")
	})
}

// TestBusyHello: the same of what a device is owed at its hello, long after the rounds.
func TestBusyHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		defer running(t, d)()
		h.issued(d, "xa-1", nil, "chi")
		h.issued(d, "thon-1", nil, "chi")
		time.Sleep(time.Minute)
		h.took()
		h.makeBusy(topicOf(h, 0))
		h.begun = time.Now()
		if err := d.Hello(t.Context(), h.places[0].Device.ID, nil); err == nil {
			t.Error("nothing is said of what was not sent")
		}
		time.Sleep(500 * time.Millisecond)
		h.makeBusy()
		time.Sleep(time.Minute)
		wantSent(t, h, "1s alert cum-11", "1s alert cum-11")
	})
}

// TestAway: a device without a connection is told when it says hello; nothing waits for
// it in the way of its welcome.
func TestAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		var away atomic.Bool
		away.Store(true)
		d.rooms.Away = func(x radio.DeviceID) bool { return away.Load() && x == h.places[1].Device.ID }
		defer running(t, d)()
		h.begun = time.Now()
		h.issued(d, "xa-1", nil, "chi")
		time.Sleep(time.Minute)
		wantSent(t, h, "0s alert xa-1", "3s alert cum-11", "10s alert cum-11", "30s alert cum-11")
		away.Store(false)
		must(t, d.Hello(t.Context(), h.places[1].Device.ID, nil))
		wantSent(t, h, "1m0s alert cum-12")
	})
}
