package link

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// will is the death that the broker publishes should the connection break. It is
// asked for before every attempt and takes the number of the connection to come.
func (l *Link) will() (topic string, payload []byte) {
	n, err := l.opts.Journal.NextConnection(context.Background()) // the library's callback has no ctx; it is one short write
	l.note(func(s *radio.LinkStatus) {
		if err != nil {
			// A disk that takes no writes must not keep the device offline.
			n = s.Connection + 1
			l.log.Error("connection number not kept", "error", err)
		}
		s.Connection = n
	})
	return wire.UpTopic(l.opts.Device, wire.Presence), l.presence(wire.Death, n)
}

func (l *Link) presence(state wire.PresenceState, n uint64) []byte {
	b, err := wire.EncodePresence(wire.PresencePayload{State: state, Connection: n, At: radio.At(l.opts.Clock.Now())})
	if err != nil {
		l.log.Error("presence not written", "error", err) // it has no value that could fail
	}
	return b
}

// connected stays for the length of a connection: birth, then hello until there is a
// welcome, and again some times a day.
func (l *Link) connected(ctx context.Context, client Client) {
	var n uint64
	l.note(func(s *radio.LinkStatus) {
		s.Connected, s.Since, s.Error, s.Refused = true, radio.At(l.opts.Clock.Now()), "", false
		n = s.Connection
	})
	defer l.note(func(s *radio.LinkStatus) {
		s.Connected, s.Since = false, radio.At(l.opts.Clock.Now())
	})
	if err := l.publishPresence(ctx, client, wire.Birth, n); err != nil {
		l.log.Warn("birth not published", "error", err)
	}
	signal(l.kick)
	signal(l.receipts)
	l.Touch()
	for ctx.Err() == nil {
		select {
		case <-l.ask: // this hello asks
		default:
		}
		welcomed, err := l.sayHello(ctx, client, n)
		if err != nil {
			l.log.Warn("hello not said", "error", err)
		}
		if wait(ctx, welcomed, helloAgain) {
			wait(ctx, l.ask, helloRenewed)
		}
	}
}

// wait is true when c was closed or signalled before the time was over.
func wait(ctx context.Context, c <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

func (l *Link) publishPresence(ctx context.Context, client Client, state wire.PresenceState, n uint64) error {
	ctx, cancel := context.WithTimeout(ctx, sayWithin)
	defer cancel()
	return client.Publish(ctx, wire.UpTopic(l.opts.Device, wire.Presence), l.presence(state, n), true)
}

// bye says goodbye. The broker publishes the will too, for the connection is then
// dropped; that is the same death once more.
func (l *Link) bye(ctx context.Context, client Client) {
	s := l.Status()
	if !s.Connected {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, byeWithin)
	defer cancel()
	if err := l.publishPresence(ctx, client, wire.Death, s.Connection); err != nil {
		return // the will says it
	}
	wait(ctx, nil, byeDrains)
}

// sayHello tells where the device stands; the channel is closed by its welcome.
func (l *Link) sayHello(ctx context.Context, client Client, n uint64) (<-chan struct{}, error) {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	s := said{nonce: base64.RawURLEncoding.EncodeToString(b[:]), welcomed: make(chan struct{})}
	j := l.opts.Journal.Status()
	payload := wire.HelloPayload{
		Device: l.opts.Device, Journal: j.ID, Head: j.Head, Acked: j.Acked, Oldest: l.opts.Journal.Oldest(),
		Revisions: l.opts.Inbox.Revisions(), Clock: l.opts.Clock.State().Status(), Nonce: s.nonce,
		At: radio.At(l.opts.Clock.Now()), Version: l.opts.Version, Connection: n, Machine: l.opts.Machine,
	}
	if l.opts.Lacks != nil {
		payload.Lacks = l.opts.Lacks()
		payload.Lacks = payload.Lacks[:min(len(payload.Lacks), wire.MaxLacks)]
	}
	s.at = l.opts.Clock.Mono()
	l.mu.Lock()
	l.hello = s
	l.mu.Unlock()
	return s.welcomed, l.say(ctx, client, wire.Hello, payload)
}

// Welcome takes a welcome that inbox has proven. It counts once, and only for the
// hello whose nonce it repeats: a kept one says nothing about now.
func (l *Link) Welcome(ctx context.Context, w wire.WelcomePayload) {
	got := l.opts.Clock.Mono()
	l.mu.Lock()
	s := l.hello
	if s.nonce == "" || w.Nonce != s.nonce {
		l.mu.Unlock()
		l.log.Info("welcome for another hello ignored")
		return
	}
	l.hello = said{}
	l.mu.Unlock()
	close(s.welcomed)
	if err := l.opts.Clock.FromCentre(w.Time.Time(), w.Signer, s.at, got); err != nil {
		l.log.Info("the centre's time not used", "error", err)
	}
	if err := l.agree(ctx, w); err != nil {
		l.log.Error("journal not brought in step with the centre", "error", err)
	}
}

// agree holds the journal against what the centre has of it. Nothing counts as acknowledged
// by a number alone: a board with a copy of this card may have written what the centre has.
// What it has otherwise is sent all the same; its answer then names the record from which a
// new journal begins (Journal.Fork), and the two versions stand there as evidence.
func (l *Link) agree(ctx context.Context, w wire.WelcomePayload) error {
	j := l.opts.Journal.Status()
	switch {
	case w.Journal != j.ID:
		return nil // about a journal that was replaced since the hello
	case w.Upto > j.Head && (j.Acked == j.Head || w.Hash == (trust.Hash{})):
		// This file is an older copy of the journal: its next seqs were given already.
		return l.opts.Journal.Renew(ctx, fmt.Sprintf("the centre holds %d records, this journal has %d", w.Upto, j.Head))
	case w.Upto > j.Head:
		l.setBehind(true)
		signal(l.rewound)
		return nil
	case w.Upto < j.Acked:
		if err := l.opts.Journal.Rewind(ctx, w.Journal, w.Upto); err != nil {
			return err
		}
		signal(l.rewound)
		return nil
	case w.Upto == 0 || w.Hash == (trust.Hash{}):
		return nil // it says nothing that could be held against the chain
	}
	same, err := l.opts.Journal.Compare(ctx, w.Journal, w.Upto, w.Hash)
	if err != nil {
		return err
	}
	if !same {
		signal(l.rewound)
		return nil
	}
	if w.Upto > j.Acked {
		return l.opts.Journal.Ack(ctx, w.Journal, w.Upto, nil)
	}
	return nil
}

// setBehind gives what was set before.
func (l *Link) setBehind(now bool) (before bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, l.behind = l.behind, now
	return before
}
