package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"loaxa/internal/mqtt"
)

// TestClient is the way of a real agent: internal/mqtt over mutual TLS to the
// embedded broker, through a lost connection with messages waiting on both sides.
func TestClient(t *testing.T) {
	province := newAuthority(t)
	r := newRecorder()
	var failing atomic.Bool
	r.answer = func(_ context.Context, m ingested) error {
		if m.topic == journal && failing.Load() {
			return errors.New("database is locked")
		}
		return nil
	}
	b, err := NewEmbedded(Options{
		Listen: "127.0.0.1:0", TLS: serverTLS(t, province), Access: &access{}, Ingest: r, Logger: testLogger(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, b)
	<-b.Ready()
	if err := b.Publish(t.Context(), program, []byte("programme"), true); err != nil {
		t.Fatal(err)
	}

	got := make(chan string, 100)
	var connection atomic.Int32
	// boot is the agent's process; stop ends it.
	boot := func() (client *mqtt.Client, stop func()) {
		t.Helper()
		client, err := mqtt.New(mqtt.Options{
			Servers: []string{"mqtts://" + b.Addr().String()}, ClientID: "one",
			TLS: &tls.Config{
				RootCAs: province.pool(), ServerName: "broker.test",
				Certificates: []tls.Certificate{province.certificate("one")},
			},
			Subscriptions: func() []string { return []string{"loaxa/v1/d/one/down/#", alert} },
			Will: func() (string, []byte) {
				return "loaxa/v1/d/one/up/presence", fmt.Appendf(nil, "death %d", connection.Add(1))
			},
			OnConnect: func(ctx context.Context) {
				if err := client.Publish(ctx, "loaxa/v1/d/one/up/hello", nil, false); err != nil && ctx.Err() == nil {
					t.Errorf("hello: %v", err)
				}
			},
			Handle:    func(_ context.Context, m mqtt.Message) { got <- string(m.Payload); m.Ack() },
			RetryFrom: 20 * time.Millisecond, Logger: testLogger(t),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- client.Run(ctx) }()
		return client, func() {
			t.Helper()
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		}
	}
	client, stop := boot()

	receive := func(want string) {
		t.Helper()
		select {
		case m := <-got:
			if m != want {
				t.Errorf("received %q, want %q", m, want)
			}
		case <-time.After(hangs):
			t.Fatalf("received nothing, want %q", want)
		}
	}
	hello := ingested{"one", "loaxa/v1/d/one/up/hello", ""}
	r.expect(t, hello)
	receive("programme")

	// What ingest cannot take now comes again on the next connection.
	failing.Store(true)
	if err := client.Publish(t.Context(), journal, []byte("records"), false); err != nil {
		t.Fatal(err)
	}
	r.expect(t, ingested{"one", journal, "records"})
	eventually(t, "ingest has failed", func() bool { return b.Stats().Rejected == 1 })
	failing.Store(false)
	if err := b.Disconnect("one"); err != nil {
		t.Fatal(err)
	}
	// The old connection's death may come between the new one's messages.
	for _, want := range expectAny(t, r, 3) {
		switch want {
		case hello, ingested{"one", journal, "records"}, ingested{"one", "loaxa/v1/d/one/up/presence", "death 1"}:
		default:
			t.Errorf("ingest got %v", want)
		}
	}
	receive("programme")

	// Run's end is a death too: no goodbye, so the will tells.
	stop()
	r.expect(t, ingested{"one", "loaxa/v1/d/one/up/presence", "death 2"})
	eventually(t, "gone", func() bool { return !b.Connected("one") })

	// Sent while away, received with the session, by a new process of the agent.
	for i := range 5 {
		if err := b.Publish(t.Context(), command, fmt.Append(nil, i), false); err != nil {
			t.Fatal(err)
		}
	}
	_, stop = boot()
	seen := map[string]bool{}
	for range 6 {
		select {
		case m := <-got:
			seen[m] = true
		case <-time.After(hangs):
			t.Fatalf("received only %v", seen)
		}
	}
	if len(seen) != 6 {
		t.Errorf("received %v, want five commands and the programme", seen)
	}
	stop()
}

// expectAny returns the next n different messages.
func expectAny(t *testing.T, r *recorder, n int) []ingested {
	t.Helper()
	seen := map[ingested]bool{}
	for len(seen) < n {
		select {
		case m := <-r.got:
			if seen[m] {
				t.Errorf("ingest got %v twice", m)
			}
			seen[m] = true
		case <-time.After(hangs):
			t.Fatalf("ingest got only %v", seen)
		}
	}
	return slices.Collect(maps.Keys(seen))
}
