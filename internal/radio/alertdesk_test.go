package radio

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func emergencySet() []EmergencyAudio {
	var set []EmergencyAudio
	for _, r := range EmergencyRoles() {
		set = append(set, EmergencyAudio{Role: r, Rendition: Rendition{Samples: 5 * SampleRate}})
	}
	return set
}

func wish() AlertWish {
	return AlertWish{Area: NewID[AreaID](), Headline: " Lũ về ", Text: "Lên cao\r\nngay", Sounds: []EmergencyRole{RoleSiren, RoleLeadIn}, Repeats: 3, IntervalS: 30, LifeMinutes: 60}
}

// TestAlertWish: what is composed becomes an alert that a device takes, or is refused
// with words for people.
func TestAlertWish(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*AlertWish)
		field  string // at fault; "" when nothing is
	}{
		{"as it is", func(*AlertWish) {}, ""},
		{"a drill", func(w *AlertWish) { w.Drill = true }, ""},
		{"a drill of the announcement alone", func(w *AlertWish) { w.Drill, w.Sounds = true, nil }, ""},
		{"a standing one", func(w *AlertWish) { w.Standing, w.LifeMinutes = true, 60*24*365 }, ""},
		{"a standing one for an hour", func(w *AlertWish) { w.Standing = true }, "life_minutes"},
		{"the longest words", func(w *AlertWish) { w.Headline, w.Text = strings.Repeat("ạ", 66), strings.Repeat("ạ", 500) }, ""},
		{"no headline", func(w *AlertWish) { w.Headline = "\t" }, "headline"},
		{"no text", func(w *AlertWish) { w.Text = "" }, "text"},
		{"text too long", func(w *AlertWish) { w.Text = strings.Repeat("ạ", 501) }, "text"},
		{"text that grows in JSON", func(w *AlertWish) { w.Text = strings.Repeat("&", 1000) }, "text"},
		{"broken text", func(w *AlertWish) { w.Text = "\xff" }, "text"},
		{"no area", func(w *AlertWish) { w.Area = "xa" }, "area"},
		{"no sounds", func(w *AlertWish) { w.Sounds = nil }, "sounds"},
		{"too many sounds", func(w *AlertWish) { w.Sounds = slices.Repeat(w.Sounds, 5) }, "sounds"},
		{"a sound nobody has", func(w *AlertWish) { w.Sounds = []EmergencyRole{"bell"} }, "sounds"},
		{"a standing drill", func(w *AlertWish) { w.Drill, w.Standing, w.LifeMinutes = true, true, 60*24*30 }, "standing"},
		{"longer than it is valid", func(w *AlertWish) { w.Repeats, w.IntervalS = 20, 600 }, "repeats"},
	} {
		w := wish()
		c.change(&w)
		got, err := w.Normal(emergencySet())
		var invalid *Invalid
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.field == "":
			if again, err := got.Normal(emergencySet()); err != nil || !slices.Equal(again.Sounds, got.Sounds) {
				t.Errorf("%s: changed once more: %+v %v", c.name, again, err)
			}
		case !errors.As(err, &invalid) || invalid.Problems[0].Field != c.field:
			t.Errorf("%s: %v, want a problem of %s", c.name, err, c.field)
		}
	}
	w, err := wish().Normal(emergencySet())
	if err != nil || w.Headline != "Lũ về" || w.Text != "Lên cao\nngay" || w.Cycle(emergencySet()) != 10*time.Second || w.Sounding(emergencySet()) != 90*time.Second {
		t.Errorf("%+v %v", w, err)
	}
}

// TestAlertBoard: whatever receipts came in whatever order, every device has exactly one
// word, and the sums of hamlets and communes are the whole.
func TestAlertBoard(t *testing.T) {
	states := []ReceiptState{ReceiptReceived, ReceiptAccepted, ReceiptRunning, ReceiptDone, ReceiptRejected, ReceiptFailed, ReceiptExpired}
	random := rand.New(rand.NewPCG(7, 1))
	for range 300 {
		r := AlertRecord{Paper: AlertPaper{SentAt: 1000}}
		var targets []AlertTarget
		var steps []Receipt
		best := map[DeviceID]int{}
		for n := range random.IntN(40) {
			hamlet := random.IntN(6)
			target := AlertTarget{Device: DeviceID(rune('a' + n)), Code: string(rune('a' + n)), Hamlet: AreaID(rune('0' + hamlet)), HamletName: string(rune('0' + hamlet)),
				Commune: AreaID(rune('A' + hamlet/3)), CommuneName: string(rune('A' + hamlet/3))}
			targets = append(targets, target)
			for range random.IntN(4) {
				s := Receipt{Device: target.Device, State: states[random.IntN(len(states))], Received: 1000 + Millis(random.IntN(5000))}
				steps = append(steps, s)
				best[target.Device] = max(best[target.Device], s.State.Rank())
			}
		}
		b := NewAlertBoard(r, targets, steps, nil, 2000)
		var hamlets, communes AlertCounts
		mute := 0
		for _, h := range b.Hamlets {
			sumCounts(&hamlets, h.Counts)
			mute += len(h.Mute)
		}
		for _, c := range b.Communes {
			sumCounts(&communes, c.Counts)
		}
		n := b.All.Counts
		if hamlets != n || communes != n || n.Devices != len(targets) || n.Received+n.Running+n.Done+n.Stopped+n.Failed+n.Silent != len(targets) || mute != n.Silent+n.Failed {
			t.Fatalf("sums: all %+v, hamlets %+v, communes %+v, %d mute", n, hamlets, communes, mute)
		}
		for _, d := range b.Devices {
			if (d.Word == AlertSilent) != (best[d.Device] == 0) || (d.ReceivedMS < 0) != (d.Word == AlertSilent) || d.RunningMS >= 0 && d.ReceivedMS > d.RunningMS {
				t.Fatalf("%+v, rank %d", d, best[d.Device])
			}
		}
		if w := b.Within([]AreaID{"A"}); w.All.Counts.Devices != len(w.Devices) || len(w.Communes) > 1 {
			t.Fatalf("within one commune: %+v", w.All)
		}
	}
}

func sumCounts(to *AlertCounts, c AlertCounts) {
	to.Devices += c.Devices
	to.Received += c.Received
	to.Running += c.Running
	to.Done += c.Done
	to.Stopped += c.Stopped
	to.Failed += c.Failed
	to.Silent += c.Silent
}

func TestSpread(t *testing.T) {
	var ms []int64
	for n := range 200 {
		ms = append(ms, int64(200-n), -1)
	}
	if got := spread(ms); got != (AlertTimes{Count: 200, P50: 100, P99: 198, Max: 200}) {
		t.Errorf("%+v", got)
	}
	if got := spread([]int64{-1}); got != (AlertTimes{P50: -1, P99: -1, Max: -1}) {
		t.Errorf("%+v", got)
	}
}

func TestAreaContact(t *testing.T) {
	for _, c := range []struct {
		name, phone string
		ok          bool
	}{
		{"Ông Hai", "0912 345 678", true}, {"Ông Hai", "+84 (0)239-3.856.789", true}, {"", "", true}, {" ", " ", true},
		{"Ông Hai", "", false}, {"", "113", false}, {"Ông Hai", "gọi cửa", false}, {"Ông Hai", "12", false},
		{"Ông Hai", strings.Repeat("1", 16), false}, {strings.Repeat("a", 201), "113", false}, {"\xff", "113", false},
	} {
		_, err := AreaContact{Name: c.name, Phone: c.phone}.Normal()
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%q %q: %v", c.name, c.phone, err)
		}
	}
}

// TestBoardWords: what a device said last counts, whatever it refused before; one that
// has had the alert and does not sound is among those to call for.
func TestBoardWords(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []Receipt
		word  AlertWord
		mute  bool
	}{
		{"refused", []Receipt{{State: ReceiptRejected, Reason: "drill", Received: 2000}}, AlertFailed, true},
		{"refused, then taken", []Receipt{{State: ReceiptRejected, Reason: "drill", Received: 2000}, {State: ReceiptReceived, Received: 4000}, {State: ReceiptRunning, Received: 5000}}, AlertRunning, false},
		{"refused, then done", []Receipt{{State: ReceiptDone, Received: 9000}, {State: ReceiptRejected, Reason: "area", Received: 2000}}, AlertDone, false},
		{"taken, and nothing more", []Receipt{{State: ReceiptReceived, Received: 2000}, {State: ReceiptAccepted, Received: 2001}}, AlertReceived, true},
		{"taken just now", []Receipt{{State: ReceiptReceived, Received: 90_000}}, AlertReceived, false},
		{"began", []Receipt{{State: ReceiptReceived, Received: 2000}, {State: ReceiptRunning, Received: 2500}}, AlertRunning, false},
	} {
		for i := range c.steps {
			c.steps[i].Device = "d"
		}
		for state, standing := range map[AlertState]bool{AlertIssued: false, AlertCancelled: false, "": true} {
			r := AlertRecord{State: AlertIssued, Wish: AlertWish{Standing: standing}, Paper: AlertPaper{SentAt: 1000}}
			if state == AlertCancelled {
				r.State = state
			}
			b := NewAlertBoard(r, []AlertTarget{{Device: "d"}}, c.steps, nil, 100_000)
			mute := c.mute && (c.word == AlertFailed || state == AlertIssued)
			if d := b.Devices[0]; d.Word != c.word || (len(b.Hamlets[0].Mute) == 1) != mute || d.Mute() != mute {
				t.Errorf("%s, %q standing %v: %+v, mute %d", c.name, r.State, standing, d, len(b.Hamlets[0].Mute))
			}
		}
	}
}

// TestDoneIsToTheEnd: a device that was cancelled or stopped was not done after so long.
func TestDoneIsToTheEnd(t *testing.T) {
	r := AlertRecord{State: AlertCancelled, Paper: AlertPaper{SentAt: 1000}}
	reasons := map[DeviceID]Reason{"a": "", "b": ReasonCancelled, "c": ReasonLocalStop}
	var targets []AlertTarget
	var steps []Receipt
	for d, reason := range reasons {
		targets = append(targets, AlertTarget{Device: d, Code: string(d)})
		steps = append(steps, Receipt{Device: d, State: ReceiptDone, Reason: string(reason), Received: 6000})
	}
	b := NewAlertBoard(r, targets, steps, nil, 10_000)
	if b.All.Done.Count != 1 || b.All.Counts.Done != 1 || b.All.Counts.Stopped != 2 {
		t.Errorf("%+v", b.All)
	}
	for _, d := range b.Devices {
		if want := map[bool]int64{true: 5000, false: -1}[reasons[d.Device] == ""]; d.DoneMS != want {
			t.Errorf("%s (%q) done after %d ms, want %d", d.Device, reasons[d.Device], d.DoneMS, want)
		}
	}
}

// TestBoardNames: two hamlets of one name are two lines, and each is one.
func TestBoardNames(t *testing.T) {
	var targets []AlertTarget
	for i, hamlet := range []AreaID{"1", "2", "1", "2"} {
		targets = append(targets, AlertTarget{Device: DeviceID(rune('a' + i)), Code: string(rune('a' + i)), Hamlet: hamlet, HamletName: "Thôn 1", Commune: "x", CommuneName: "Xã"})
	}
	for i, commune := range []AreaID{"y", "z", "y"} {
		hamlet := string(rune('e' + i))
		targets = append(targets, AlertTarget{Device: DeviceID(hamlet), Code: hamlet, Hamlet: AreaID(hamlet), HamletName: hamlet, Commune: commune, CommuneName: "Yên"})
	}
	b := NewAlertBoard(AlertRecord{}, targets, nil, nil, 0)
	if len(b.Hamlets) != 5 || len(b.Communes) != 3 {
		t.Errorf("%d hamlets, %d communes: %+v", len(b.Hamlets), len(b.Communes), b.Hamlets)
	}
}
