package broker

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// pipes is a listener without a network, so that a bubble's clock can pass and a
// write blocks as soon as nobody reads.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	fails  atomic.Int32 // so many Accepts fail first
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	if p.fails.Add(-1) >= 0 {
		return nil, errors.New("too many open files")
	}
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1883} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// bench is a broker on pipes with what it was given.
type bench struct {
	*Embedded
	*pipes
	access *access
	ingest *recorder
	stop   func() error // ends Run and returns its error; called at the end at the latest
}

func newBench(t *testing.T, change func(*Options)) *bench {
	t.Helper()
	b := &bench{pipes: newPipes(), access: &access{revoked: map[string]bool{}}, ingest: newRecorder()}
	opts := Options{Listener: b.pipes, InsecureLoopback: true, Access: b.access, Ingest: b.ingest, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&opts)
	}
	var err error
	if b.Embedded, err = NewEmbedded(opts); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	stopped := false
	b.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		if err := b.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	<-b.Ready()
	return b
}

// bubble runs a test on the fake clock; it fails when a goroutine outlives the broker.
func bubble(t *testing.T, change func(*Options), test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newBench(t, change)) })
}

const (
	journal = "loaxa/v1/d/one/up/journal"
	command = "loaxa/v1/d/one/down/command"
	program = "loaxa/v1/d/one/down/programme"
	alert   = "loaxa/v1/a/north/down/alert"
)

func TestPubackOnlyAfterCommit(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		commit := make(chan error)
		b.ingest.answer = func(context.Context, ingested) error { return <-commit }
		d := login(t, b.dial(), connect("one"))
		d.publish(7, journal, "1–50 records")
		b.ingest.expect(t, ingested{"one", journal, "1–50 records"})
		synctest.Wait()
		if len(d.in) != 0 {
			t.Fatal("acknowledged before the commit")
		}
		commit <- nil
		if pk := d.expect(packets.Puback); pk.PacketID != 7 {
			t.Errorf("PUBACK %d, want 7", pk.PacketID)
		}
	})
}

// The library acknowledges whatever error a hook returns, except one.
func TestNoPubackWithoutCommit(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		fail := true
		b.ingest.answer = func(context.Context, ingested) error {
			if fail {
				return errors.New("disk full")
			}
			return nil
		}
		d := login(t, b.dial(), connect("one"))
		d.publish(7, journal, "x")
		d.nothing() // not even the end of the connection
		fail = false
		d.publish(7, journal, "x")
		if pk := d.expect(packets.Puback); pk.PacketID != 7 {
			t.Errorf("PUBACK %d, want 7", pk.PacketID)
		}
		if got := b.Stats(); got.Received != 2 || got.Rejected != 1 {
			t.Errorf("stats %+v", got)
		}
	})
}

func TestUpwardsIsNeitherRetainedNorRouted(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		d := login(t, b.dial(), connect("one"))
		d.send(packets.Packet{
			FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1, Retain: true},
			PacketID:    1, TopicName: "loaxa/v1/d/one/up/presence", Payload: []byte("birth"),
		})
		d.expect(packets.Puback)
		if n := len(b.server.Topics.Messages("loaxa/#")); n != 0 {
			t.Errorf("%d messages retained", n)
		}
	})
}

func TestWill(t *testing.T) {
	mourn := func() packets.Packet {
		pk := connect("one")
		pk.Connect.WillFlag, pk.Connect.WillRetain, pk.Connect.WillQos = true, true, 1
		pk.Connect.WillTopic, pk.Connect.WillPayload = "loaxa/v1/d/one/up/presence", []byte("death 4")
		return pk
	}
	death := ingested{"one", "loaxa/v1/d/one/up/presence", "death 4"}
	for _, tc := range []struct {
		name string
		end  func(t *testing.T, b *bench, d *device)
		want bool
	}{
		{"line breaks", func(_ *testing.T, _ *bench, d *device) { d.conn.Close() }, true},
		{"device falls silent", func(*testing.T, *bench, *device) {}, true},
		{"device says goodbye", func(_ *testing.T, _ *bench, d *device) {
			d.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Disconnect}})
		}, false},
		{"revoked and disconnected", func(t *testing.T, b *bench, _ *device) {
			if err := b.Disconnect("one"); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"connects again", func(t *testing.T, b *bench, _ *device) {
			login(t, b.dial(), connect("one"))
		}, true},
		{"database away for a moment", func(_ *testing.T, b *bench, d *device) {
			failures := 0
			b.ingest.answer = func(_ context.Context, m ingested) error {
				if failures++; failures > 2 {
					return nil
				}
				<-b.ingest.got // only the call that commits is checked
				return errors.New("database is locked")
			}
			d.conn.Close()
		}, true},
		{"centre stops", func(t *testing.T, b *bench, _ *device) {
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, b *bench) {
				d := login(t, b.dial(), mourn())
				synctest.Wait()
				tc.end(t, b, d)
				time.Sleep(5 * time.Minute)
				if tc.want {
					b.ingest.expect(t, death)
				}
				b.ingest.nothing(t)
				if n := len(b.server.Topics.Messages("loaxa/#")); n != 0 {
					t.Errorf("%d wills retained", n)
				}
			})
		})
	}
}

func TestConnectedAndTakeOver(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		if b.Connected("one") || b.Connected("inline") {
			t.Error("connected before the first connection")
		}
		first := login(t, b.dial(), connect("one"))
		first.subscribe(1, command)
		second := login(t, b.dial(), connect("one"))
		first.closed()
		if !b.Connected("one") {
			t.Error("not connected")
		}
		// The session went over with its subscriptions.
		if err := b.Publish(t.Context(), command, []byte("x"), false); err != nil {
			t.Fatal(err)
		}
		second.expect(packets.Publish)
		if err := b.Disconnect("one"); err != nil {
			t.Fatal(err)
		}
		second.closed()
		synctest.Wait()
		if b.Connected("one") {
			t.Error("connected after Disconnect")
		}
	})
}

func TestAwayAndBack(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		d := login(t, b.dial(), connect("one"))
		d.subscribe(1, "loaxa/v1/d/one/down/#")
		d.conn.Close()
		synctest.Wait()
		for range 100 { // what is retained is not queued for a device that is away
			if err := b.Publish(t.Context(), program, []byte("newest"), true); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Publish(t.Context(), command, []byte("play"), false); err != nil {
			t.Fatal(err)
		}
		d = login(t, b.dial(), connect("one"))
		if pk := d.expect(packets.Publish); pk.TopicName != command || string(pk.Payload) != "play" {
			t.Errorf("queued: %s %s", pk.TopicName, pk.Payload)
		}
		d.subscribe(1, "loaxa/v1/d/one/down/#")
		if pk := d.expect(packets.Publish); pk.TopicName != program || string(pk.Payload) != "newest" || !pk.FixedHeader.Retain {
			t.Errorf("retained: %s %s", pk.TopicName, pk.Payload)
		}
		d.nothing()
		// An empty retained message clears.
		if err := b.Publish(t.Context(), program, nil, true); err != nil {
			t.Fatal(err)
		}
		if n := len(b.server.Topics.Messages("loaxa/#")); n != 0 {
			t.Errorf("%d messages retained", n)
		}
	})
}

// Retained documents are put in place before the first device can connect.
func TestPublishBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		b, err := NewEmbedded(Options{Listener: p, InsecureLoopback: true, Access: &access{}, Ingest: newRecorder()})
		if err != nil {
			t.Fatal(err)
		}
		if b.Addr() != nil {
			t.Error("address before Run")
		}
		if err := b.Publish(t.Context(), program, []byte("p"), true); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.Run(ctx) }()
		<-b.Ready()
		d := login(t, p.dial(), connect("one"))
		d.subscribe(1, program)
		d.expect(packets.Publish)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		d.closed()
	})
}
