package link

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/mqtt"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

var noon = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

const device = radio.DeviceID("00000000000000000000000001")

func bubble(t *testing.T, fn func(t *testing.T, l *lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { fn(t, newLab(t)) })
}

func TestPresenceAndHello(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		stop := l.run()
		l.client().connect()
		l.after(time.Second)
		l.want("", "dial one", "will death 10", "birth 10 @0", "hello @0")
		if s := l.Status(); !s.Connected || s.Connection != 10 || s.Broker != "mqtts://one:1" {
			t.Errorf("%+v", s)
		}
		if h := l.hellos[0]; h.Revisions.Programme != 7 || len(h.Nonce) != 22 || h.Connection != 10 || h.Journal != "A" || h.Oldest != 1 {
			t.Errorf("%+v", h)
		}
		l.client().breakOff()
		if l.Status().Connected {
			t.Error("still connected")
		}
		l.client().connect()
		l.after(time.Second)
		l.want("birth", "birth 10 @0", "birth 20 @1")
		stop()
		l.want("death", "death 20 @2")
	})
}

func TestHelloUntilWelcomed(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		stop := l.run()
		l.client().connect()
		l.after(150 * time.Second)
		l.want("hello", "hello @0", "hello @60", "hello @120")
		// An answer to an older hello is no answer, and none counts twice.
		l.Welcome(t.Context(), wire.WelcomePayload{Nonce: l.hellos[0].Nonce, Time: radio.At(noon)})
		l.Welcome(t.Context(), wire.WelcomePayload{Time: radio.At(noon)})
		if len(l.clock.trips) != 0 {
			t.Error("a welcome for another hello sets the clock")
		}
		l.welcome(0)
		l.welcome(0)
		if !slices.Equal(l.clock.trips, []time.Duration{30 * time.Second}) { // the clock itself refuses so long a trip
			t.Errorf("round trips %v", l.clock.trips)
		}
		l.after(6 * time.Hour)
		if n := len(l.lines("hello")); n != 4 {
			t.Errorf("%d hellos, want one more after six hours", n)
		}
		nonces := map[string]bool{}
		for _, h := range l.hellos {
			nonces[h.Nonce] = true
		}
		if len(nonces) != 4 {
			t.Error("a nonce came twice")
		}
		stop()
	})
}

// TestHelloAsksForVoices: what is lacking is asked for with every hello, within bounds, and
// Ask brings one before its time.
func TestHelloAsksForVoices(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var lacks []radio.SHA256
		for i := range wire.MaxLacks + 1 {
			lacks = append(lacks, radio.VoiceHash([]byte{byte(i)}))
		}
		l.opts.Lacks = func() []radio.SHA256 { return lacks }
		l.Ask() // before there is a connection: the first hello asks
		stop := l.run()
		l.client().connect()
		l.after(time.Second)
		l.welcome(0)
		l.after(time.Minute)
		if len(l.hellos) != 1 || !slices.Equal(l.hellos[0].Lacks, lacks[:wire.MaxLacks]) {
			t.Fatalf("%+v", l.hellos)
		}
		lacks = nil
		l.Ask()
		l.after(time.Second)
		if len(l.hellos) != 2 || l.hellos[1].Lacks != nil {
			t.Errorf("%+v", l.hellos)
		}
		stop()
	})
}

func TestJournalInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		l.journal.write(120)
		stop := l.run()
		l.after(time.Hour)
		l.want("journal")
		l.client().connect()
		l.after(time.Second)
		l.want("journal", "journal A 1-50 @3600")
		l.after(30 * time.Second) // no ack: again
		l.want("journal", "journal A 1-50 @3600", "journal A 1-50 @3630")
		for _, upto := range []uint64{50, 100, 120} {
			if err := l.journal.Ack(t.Context(), "A", upto, nil); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		l.after(time.Hour)
		l.want("journal", "journal A 1-50 @3600", "journal A 1-50 @3630", "journal A 51-100 @3631", "journal A 101-120 @3631")
		l.journal.write(1)
		l.after(time.Second)
		if got := l.lines("journal"); got[len(got)-1] != "journal A 121-121 @7231" {
			t.Errorf("%q", got)
		}
		stop()
	})
}

func TestJournalJitter(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		l.inbox.jitter = 60_000
		stop := l.run()
		l.client().connect()
		l.after(time.Second)
		delays := map[string]bool{}
		for round := range uint64(8) {
			l.journal.write(60)
			before := len(l.lines("journal"))
			l.after(61 * time.Second)
			got := l.lines("journal")
			if len(got) == before {
				t.Fatal("not sent within the jitter")
			}
			delays[got[before][strings.Index(got[before], "@"):]] = true
			// A burst goes on without another delay.
			if err := l.journal.Ack(t.Context(), "A", round*60+50, nil); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := l.lines("journal"); !strings.HasPrefix(got[len(got)-1], fmt.Sprintf("journal A %d-%d", round*60+51, round*60+60)) {
				t.Fatalf("%q", got)
			}
			if err := l.journal.Ack(t.Context(), "A", round*60+60, nil); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if len(delays) < 3 {
			t.Errorf("delays %v", delays)
		}
		stop()
	})
}

func TestWelcomeBringsTheJournalInStep(t *testing.T) {
	cases := map[string]struct {
		acked, upto uint64
		want        []string
		sent        string
	}{
		"centre lost some":      {40, 10, []string{"rewind 10"}, "journal A 11-60"},
		"its ack was lost":      {40, 55, []string{"ack 55"}, "journal A 56-60"},
		"in step":               {40, 40, nil, "journal A 41-60"},
		"centre lost it all":    {40, 0, []string{"rewind 0"}, "journal A 1-50"},
		"the device went back":  {60, 99, []string{"renew"}, ""},
		"about another journal": {40, 0, nil, "journal A 41-60"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, l *lab) {
				l.journal.write(60)
				l.journal.status.Acked = c.acked
				stop := l.run()
				l.client().connect()
				l.after(100 * time.Millisecond)
				if name == "about another journal" {
					l.hellos[0].Journal = "Z"
				}
				l.welcome(c.upto)
				l.after(time.Second)
				if !slices.Equal(l.journal.events, c.want) {
					t.Errorf("events %q, want %q", l.journal.events, c.want)
				}
				if got := l.lines("journal"); c.sent != "" && !strings.HasPrefix(got[len(got)-1], c.sent+" ") {
					l.after(30 * time.Second)
					if got = l.lines("journal"); !strings.HasPrefix(got[len(got)-1], c.sent+" ") {
						t.Errorf("sent %q, want %q last", got, c.sent)
					}
				}
				stop()
			})
		})
	}
}

// TestWelcomeOfAnotherBoard: what the centre holds of this journal may have been written by
// another board with a copy of this card. A number alone, from a centre that does not say
// its chain, acknowledges nothing either; all of it is sent, and the answers tell.
func TestWelcomeOfAnotherBoard(t *testing.T) {
	for name, c := range map[string]struct {
		acked, upto uint64
		hash        trust.Hash
		want        []string
		sent        string
	}{
		"other records":            {40, 55, trust.Hash{99}, nil, "journal A 41-60"},
		"an older centre":          {40, 55, trust.Hash{}, nil, "journal A 41-60"},
		"where it was in step":     {40, 40, trust.Hash{99}, nil, "journal A 41-60"},
		"more than is here":        {40, 99, trust.Hash{99}, nil, "journal A 41-60"},
		"more, all sent":           {60, 99, trust.Hash{99}, []string{"renew"}, ""},
		"more, of an older centre": {40, 99, trust.Hash{}, []string{"renew"}, "journal B 1-20"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, l *lab) {
				l.journal.write(60)
				l.journal.status.Acked = c.acked
				stop := l.run()
				l.client().connect()
				l.after(100 * time.Millisecond)
				l.welcomeWith(c.upto, c.hash)
				l.after(31 * time.Second)
				if !slices.Equal(l.journal.events, c.want) {
					t.Errorf("events %q, want %q", l.journal.events, c.want)
				}
				if got := l.lines("journal"); c.sent != "" && !strings.HasPrefix(got[len(got)-1], c.sent+" ") {
					t.Errorf("sent %q, want %q last", got, c.sent)
				}
				stop()
			})
		})
	}
}

// TestBehindSaysHelloAgain: what an older copy of a card has not told yet goes first; when
// the centre has it, another hello brings the new journal.
func TestBehindSaysHelloAgain(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		l.journal.write(60)
		l.journal.status.Acked = 40
		stop := l.run()
		l.client().connect()
		l.after(100 * time.Millisecond)
		l.welcomeWith(99, trust.Hash{99})
		l.after(time.Second)
		if err := l.journal.Ack(t.Context(), "A", 60, nil); err != nil {
			t.Fatal(err)
		}
		l.after(time.Second)
		if n := len(l.hellos); n != 2 {
			t.Fatalf("%d hellos", n)
		}
		l.welcomeWith(99, trust.Hash{99})
		if want := []string{"ack 60", "renew"}; !slices.Equal(l.journal.events, want) {
			t.Errorf("events %q, want %q", l.journal.events, want)
		}
		stop()
	})
}

func TestReported(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		stop := l.run()
		l.Touch()
		l.after(5 * time.Second)
		l.want("reported")
		l.client().connect()
		for range 10 {
			l.after(100 * time.Millisecond)
			l.Touch()
		}
		l.after(10 * time.Second)
		l.want("reported", "reported 0 @7")
		l.after(15 * time.Minute)
		l.want("reported", "reported 0 @7", "reported 0 @909")
		for i := range 400 {
			l.status.Audio = append(l.status.Audio, radio.AudioStatus{SHA256: radio.SHA256(strings.Repeat("a", 64)), Title: strings.Repeat("ạ", 100), Ready: i%2 == 0})
		}
		l.Touch()
		l.after(3 * time.Second)
		if got := l.lines("reported"); !strings.HasPrefix(got[len(got)-1], "reported 100 ") {
			t.Errorf("a large report: %q", got)
		}
		stop()
	})
}

func TestMessagesAreAcknowledgedWhenTaken(t *testing.T) {
	disk := errors.New("disk full")
	cases := map[string]struct {
		fails []error
		acked bool
		taken int
	}{
		"taken":          {nil, true, 1},
		"refused":        {[]error{radio.ErrForbidden}, true, 1},
		"disk for once":  {[]error{disk}, true, 2},
		"disk for good":  {[]error{disk, disk, disk, disk}, false, 3},
		"then refused":   {[]error{disk, fmt.Errorf("x: %w", radio.ErrInvalid)}, true, 2},
		"older revision": {[]error{radio.ErrConflict}, true, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, l *lab) {
				l.inbox.fails = c.fails
				acked := false
				l.handle(t.Context(), mqtt.Message{Ack: func() { acked = true }})
				if acked != c.acked || l.inbox.taken != c.taken {
					t.Errorf("acknowledged %t after %d tries", acked, l.inbox.taken)
				}
			})
		})
	}
}

func TestMovesToOtherBrokers(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		l.inbox.brokers = nil // none known: wait for the keyring
		stop := l.run()
		l.after(10 * time.Minute)
		if l.Status().Error == "" || len(l.clients) != 0 {
			t.Errorf("%+v", l.Status())
		}
		l.inbox.move("mqtts://two:1", "mqtts://three:2")
		l.after(time.Second)
		l.client().connect()
		l.after(time.Second)
		l.inbox.move("mqtts://four:1")
		l.after(time.Second)
		l.client().connect()
		l.after(time.Second)
		stop()
		l.want("d", "dial two,three", "death 10 @602", "dial four", "death 20 @604")
	})
}

// Another certificate is shown by another connection.
func TestAnew(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		stop := l.run()
		l.client().connect()
		l.after(time.Second)
		l.Anew()
		l.after(time.Second)
		l.client().connect()
		l.after(time.Second)
		stop()
		l.want("d", "dial one", "death 10 @1", "dial one", "death 20 @3")
	})
}

// TestWhyThereIsNoConnection: who stands before the device reads why; a connection ends it.
func TestWhyThereIsNoConnection(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		stop := l.run()
		for _, c := range []struct {
			err     error
			words   string
			refused bool
		}{
			{fmt.Errorf("connect: %w", mqtt.ErrRefused), "từ chối danh tính", true},
			{fmt.Errorf("connect: %w", trust.ErrPeer), "chứng thư của máy chủ không phải của tỉnh", false},
			{errors.New("no route to host"), "no route to host", false},
			{fmt.Errorf("connect: %w", mqtt.ErrRefused), "từ chối danh tính", true},
		} {
			l.client().opts.Failed(c.err)
			if s := l.Status(); !strings.Contains(s.Error, c.words) || s.Refused != c.refused {
				t.Errorf("%v: %+v", c.err, s)
			}
		}
		l.client().connect()
		l.after(time.Second)
		if s := l.Status(); s.Error != "" || s.Refused {
			t.Errorf("connected: %+v", s)
		}
		stop()
	})
}

func TestConnectionNumberWithoutADisk(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		stop := l.run()
		l.client().connect()
		l.after(time.Second)
		l.client().breakOff()
		l.journal.noNumber = true
		l.client().connect()
		l.after(time.Second)
		l.want("birth", "birth 10 @0", "birth 11 @1")
		stop()
	})
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Options{}); !errors.Is(err, radio.ErrInvalid) {
		t.Error(err)
	}
	key, err := trust.Generate()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Device: device, Key: key}); !errors.Is(err, radio.ErrInvalid) {
		t.Error(err)
	}
}
