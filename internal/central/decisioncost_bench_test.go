package central

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"loaxa/internal/central/dispatch"
	"loaxa/internal/central/programme"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// BenchmarkDecisionReaches is how long it takes from a change until the last of the devices
// it concerns is sent its new document, over the province of BenchmarkSchedulePages:
// "decision" is one commune's, of 50 devices; "rules" are the province's, for all 3,500.
// documents counts those that were made anew.
//
//	go test -run '^$' -bench DecisionReaches -benchtime 3x ./internal/central
func BenchmarkDecisionReaches(b *testing.B) {
	p := layProvince(b)
	post := &countingPost{sent: make(chan string, 4*3500)}
	keys := newOnlineKeys(b)
	d := dispatch.New(dispatch.Rooms{Plans: p.c.store, Resolver: programme.Resolver{Stands: func(radio.Bulletin) error { return nil }}, Issued: p.c.store,
		Journals: p.c.store, Publisher: post, Freezer: noFreezer{}, Keys: keys}, time.Now, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	if err := d.Republish(ctx); err != nil {
		b.Fatal(err)
	}
	post.drain()
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	settle(post)
	round := func(b *testing.B, documents int, change func()) {
		for b.Loop() {
			b.StopTimer()
			settle(post)
			change()
			b.StartTimer()
			d.Changed()
			for range documents {
				<-post.sent
			}
		}
		b.ReportMetric(float64(documents), "documents")
	}
	of, said := 0, 0
	places, err := p.c.store.Places(ctx)
	if err != nil {
		b.Fatal(err)
	}
	for _, at := range places {
		if at.Commune().ID == p.where {
			of++
		}
	}
	b.Run("decision", func(b *testing.B) {
		round(b, of, func() {
			p.answer(b, p.where, []radio.DecisionKind{radio.DecideDecline, radio.DecideAccept}[said%2])
			said++
		})
	})
	b.Run("rules", func(b *testing.B) {
		round(b, len(places), func() {
			change := radio.PlanChange{At: radio.At(time.Now()), Author: "a", Approver: "b", Policies: []radio.PolicyRule{{ID: radio.NewID[radio.PolicyID](), Version: p.rules + 1,
				Target: radio.Target{Area: benchID[radio.AreaID]('a', 0)}, Zone: "Asia/Ho_Chi_Minh", Label: "QĐ", Windows: []radio.Window{{From: 5 * 60, To: radio.TimeOfDay(18*60 + p.rules%60)}}, Author: "a", Approver: "b"}}}
			if p.rules > 0 {
				change.Policies[0].ID = p.ruled
			}
			p.ruled, p.rules = change.Policies[0].ID, p.rules+1
			if err := p.c.store.ApplyPlan(b.Context(), change); err != nil {
				b.Fatal(err)
			}
		})
	})
	settle(post)
	stop()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

// settle waits until nothing has been sent for a while.
func settle(post *countingPost) {
	for {
		select {
		case <-post.sent:
		case <-time.After(3 * time.Second):
			return
		}
	}
}

// countingPost carries nothing, and tells what it was given.
type countingPost struct{ sent chan string }

func (p *countingPost) Publish(_ context.Context, topic string, _ []byte, _ bool) error {
	if t, err := wire.ParseTopic(topic); err == nil && t.Kind != wire.Keys {
		select {
		case p.sent <- topic:
		default: // before anybody counts
		}
	}
	return nil
}

func (p *countingPost) drain() {
	for len(p.sent) > 0 {
		<-p.sent
	}
}

type noFreezer struct{}

func (noFreezer) Published(context.Context, radio.Place, radio.Programme, radio.Millis) error {
	return nil
}

// onlineKeys sign for the province with one online key.
type onlineKeys struct {
	online   trust.Key
	root     trust.Key
	envelope []byte
	ring     trust.Keyring
}

func newOnlineKeys(b *testing.B) *onlineKeys {
	b.Helper()
	online, err := trust.Generate()
	if err != nil {
		b.Fatal(err)
	}
	root, err := trust.Generate()
	if err != nil {
		b.Fatal(err)
	}
	province := benchID[radio.AreaID]('a', 0)
	k := &onlineKeys{online: online, root: root, ring: trust.Keyring{Version: 1, Province: province,
		Online: []trust.OnlineKey{{JWK: online.Public(), Kinds: wire.OnlineKinds(), Scope: province, NotAfter: radio.At(time.Now().AddDate(1, 0, 0))}}}}
	if k.envelope, err = trust.SignKeyring(k.ring, root); err != nil {
		b.Fatal(err)
	}
	return k
}

func (k *onlineKeys) Online() trust.Key                { return k.online }
func (k *onlineKeys) Keyring() ([]byte, trust.Keyring) { return k.envelope, k.ring }
func (k *onlineKeys) Roots() []byte                    { return nil }
func (k *onlineKeys) Root() trust.Root                 { return trust.Root{Number: 1, Key: k.root.Public()} }
