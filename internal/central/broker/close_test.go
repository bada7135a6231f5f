package broker

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

func TestPanicCostsOneConnection(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		b.ingest.answer = func(_ context.Context, m ingested) error {
			if m.payload == "poison" {
				panic("parser")
			}
			return nil
		}
		other := login(t, b.dial(), connect("two"))
		d := login(t, b.dial(), connect("one"))
		d.publish(1, journal, "poison")
		d.closed()
		other.nothing()
		d = login(t, b.dial(), connect("one"))
		d.publish(1, journal, "good")
		d.expect(packets.Puback)
	})
}

func TestAcceptErrorsPass(t *testing.T) {
	bubble(t, func(o *Options) { o.Listener.(*pipes).fails.Store(5) }, func(t *testing.T, b *bench) {
		login(t, b.dial(), connect("one"))
	})
}

func TestListenerLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		b, err := NewEmbedded(Options{Listener: closeTwice{p}, InsecureLoopback: true, Access: &access{}, Ingest: newRecorder()})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- b.Run(t.Context()) }()
		<-b.Ready()
		p.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Run: %v", err)
		}
	})
}

type closeTwice struct{ *pipes }

func (closeTwice) Close() error { return net.ErrClosed }

func TestCloseDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := newBench(t, nil)
		b.ingest.answer = func(context.Context, ingested) error { <-release; return nil }
		d := login(t, b.dial(), connect("one"))
		d.publish(1, journal, "x")
		synctest.Wait()
		begin := time.Now()
		if err := b.stop(); err == nil || time.Since(begin) != 5*time.Second {
			t.Errorf("Run ended after %s with %v, want an error after 5 s", time.Since(begin), err)
		}
		close(release)
	})
}
