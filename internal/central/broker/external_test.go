package broker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"loaxa/internal/mqtt"
	"loaxa/internal/radio"
)

// A broker that was killed comes back with nothing: no session, no subscription.
func TestExternalBrokerRestarts(t *testing.T) {
	addr := freePort(t)
	stop := startMosquittoAt(t, addr)
	r := newRecorder()
	b, err := NewExternal(ExternalOptions{
		Servers: []string{"mqtt://" + addr}, ClientID: "centre", Username: "centre",
		Filter: "loaxa/v1/d/+/up/#", Ingest: r, Logger: testLogger(t), RetryFrom: 20 * time.Millisecond,
		Device: func(string) (string, bool) { return "one", true },
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, b)
	s := &subject{link: b, addr: addr}
	eventually(t, "first link", func() bool { return b.Connected("one") })
	stop()
	eventually(t, "loss noticed", func() bool { return !b.Connected("one") })
	if err := b.Publish(t.Context(), command, nil, false); !errors.Is(err, radio.ErrUnavailable) {
		t.Errorf("publish without a link: %v", err)
	}
	t.Cleanup(startMosquittoAt(t, addr))
	eventually(t, "second link", func() bool { return b.Connected("one") })
	d := login(t, s.dial(t), connect("one"))
	d.publish(1, journal, "x")
	d.expect(packets.Puback)
	r.expect(t, ingested{"one", journal, "x"})
	if got := b.Stats(); got.Connections != 1 || got.Received != 1 {
		t.Errorf("stats %+v", got)
	}
}

func TestExternalRefuses(t *testing.T) {
	device := func(string) (string, bool) { return "", false }
	good := ExternalOptions{Servers: []string{"mqtt://127.0.0.1:1"}, ClientID: "centre", Filter: "#", Device: device, Ingest: newRecorder()}
	b, err := NewExternal(good)
	if err != nil {
		t.Fatal(err)
	}
	for range evictQueue { // before Run nobody takes them
		if err := b.Disconnect("one"); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Disconnect("one"); !errors.Is(err, radio.ErrUnavailable) {
		t.Errorf("disconnect: %v", err)
	}
	if err := b.Publish(t.Context(), "a/#", nil, false); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("publish: %v", err)
	}
	for name, change := range map[string]func(*ExternalOptions){
		"no filter": func(o *ExternalOptions) { o.Filter = "" },
		"no ingest": func(o *ExternalOptions) { o.Ingest = nil },
		"no device": func(o *ExternalOptions) { o.Device = nil },
		"no server": func(o *ExternalOptions) { o.Servers = nil },
	} {
		opts := good
		change(&opts)
		if _, err := NewExternal(opts); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Messages are settled in the order of their arrival, though many are in work, and a
// topic that belongs to no device is settled without ingest.
func TestExternalAcknowledgesInOrder(t *testing.T) {
	first := make(chan struct{})
	r := newRecorder()
	r.answer = func(_ context.Context, m ingested) error {
		if m.payload == "slow" {
			<-first
		}
		return nil
	}
	b, err := NewExternal(ExternalOptions{
		Servers: []string{"mqtt://127.0.0.1:1"}, ClientID: "centre", Filter: "#", Ingest: r,
		Device: func(topic string) (string, bool) { return topic, topic != "foreign" },
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, b)
	acked := make(chan string, 10)
	for _, m := range []struct{ topic, payload string }{{"one", "slow"}, {"two", "fast"}, {"three", "fast"}, {"foreign", ""}} {
		b.take(t.Context(), mqtt.Message{Topic: m.topic, Payload: []byte(m.payload), Ack: func() { acked <- m.topic }})
	}
	if got := <-acked; got != "foreign" {
		t.Errorf("settled first: %s", got)
	}
	for range 3 {
		<-r.got // all are in work
	}
	close(first)
	for _, want := range []string{"one", "two", "three"} {
		if got := <-acked; got != want {
			t.Errorf("settled %s, want %s", got, want)
		}
	}
}
