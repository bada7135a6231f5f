package mqtt

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestReconnectWhileConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(t)
		b.early = "down/command"
		clients, handled := make(chan *Client, 1), make(chan struct{})
		clients <- start(t, b, func(o *Options) {
			first := true
			o.Handle = func(context.Context, Message) {
				if first {
					first = false
					c := <-clients
					c.Reconnect()
					close(handled)
				}
			}
			o.Subscriptions = func() []string { <-handled; return []string{"down/#"} }
		})
		<-b.conns
		select {
		case <-b.conns:
		case <-time.After(10 * time.Minute):
			t.Error("no new connection")
		}
	})
}

func TestOfflineForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(t)
		b.down.Store(true)
		c := start(t, b, func(o *Options) { o.Jitter = time.Minute })
		time.Sleep(48 * time.Hour)
		synctest.Wait()
		if c.Connected() {
			t.Fatal("connected to nothing")
		}
		b.down.Store(false)
		begin := time.Now()
		<-b.conns
		if took := time.Since(begin); took > 2*time.Minute {
			t.Errorf("back after %s", took)
		}
	})
}

func TestWaitingBeginsAnewAfterAGoodConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(t)
		start(t, b, nil)
		conn := <-b.conns
		for range 10 { // short ones: the waits grow
			synctest.Wait()
			conn.Close()
			conn = <-b.conns
		}
		time.Sleep(goodConnection)
		begin := time.Now()
		conn.Close()
		<-b.conns
		if took := time.Since(begin); took != 0 {
			t.Errorf("waited %s after a good connection", took)
		}
	})
}

func TestWaitBefore(t *testing.T) {
	for _, tc := range []struct {
		failures int
		jitter   time.Duration
		random   float64
		want     time.Duration
	}{
		{0, 0, 1, 0},
		{1, 0, 1, 0},
		{2, 0, 1, time.Second},
		{3, 0, 1, 2 * time.Second},
		{7, 0, 1, 32 * time.Second},
		{8, 0, 1, time.Minute},
		{1_000_000, 0, 1, time.Minute},
		{0, time.Minute, 0.5, time.Second / 2},
		{3, time.Minute, 0.5, 6 * time.Second},
		{1_000_000, time.Minute, 0.5, 90 * time.Second},
		{1_000_000, 10 * time.Second, 0.5, 65 * time.Second},
	} {
		if got := (Options{RetryFrom: time.Second, RetryUpTo: maxWait, Jitter: tc.jitter}).waitBefore(tc.failures, tc.random); got != tc.want {
			t.Errorf("after %d failures, jitter %s: %s, want %s", tc.failures, tc.jitter, got, tc.want)
		}
	}
	if got := (Options{RetryFrom: time.Second, RetryUpTo: 10 * time.Second}).waitBefore(1_000_000, 1); got != 10*time.Second {
		t.Errorf("up to ten seconds: %s", got)
	}
}

// FuzzFrame: however the stream is cut, the same packets are refused, and a packet
// that is let through is as long as it says.
// The library writes pings and acknowledgements without a deadline.
