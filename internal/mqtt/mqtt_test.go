package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"loaxa/internal/radio"
)

// start runs a client on the fake broker inside a synctest bubble; the bubble fails
// the test when a goroutine is left after Run.
func start(t *testing.T, b *fakeBroker, change func(*Options)) *Client {
	t.Helper()
	opts := Options{
		Servers: []string{"mqtt://127.0.0.1:1883"}, ClientID: "dev",
		Subscriptions: func() []string { return []string{"down/#"} },
		Handle:        func(_ context.Context, m Message) { m.Ack() },
	}
	if change != nil {
		change(&opts)
	}
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	c.dialNetwork = b.dial
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if c.Connected() {
			t.Error("connected after Run")
		}
	})
	return c
}

func TestNewRefuses(t *testing.T) {
	handle := func(context.Context, Message) {}
	good := Options{Servers: []string{"mqtts://broker.example:8883"}, ClientID: "dev", TLS: &tls.Config{}, Handle: handle}
	for _, tc := range []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"nothing wrong", func(*Options) {}, ""},
		{"plain to this machine", func(o *Options) { o.Servers = []string{"mqtt://[::1]:1883", "mqtt://localhost:1"} }, ""},
		{"plain to another machine", func(o *Options) { o.Servers = []string{"mqtt://10.0.0.1:1883"} }, "use mqtts"},
		{"no port", func(o *Options) { o.Servers = []string{"mqtts://broker.example"} }, "mqtts://host:port"},
		{"other scheme", func(o *Options) { o.Servers = []string{"http://broker.example:80"} }, "mqtts://host:port"},
		{"no TLS settings", func(o *Options) { o.TLS = nil }, "TLS settings"},
		{"no server", func(o *Options) { o.Servers = nil }, "no broker"},
		{"no client id", func(o *Options) { o.ClientID = "" }, "client id"},
		{"no handler", func(o *Options) { o.Handle = nil }, "handler"},
		{"keep-alive in milliseconds", func(o *Options) { o.KeepAlive = time.Millisecond }, "keep-alive"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			opts := good
			tc.change(&opts)
			_, err := New(opts)
			switch {
			case tc.want == "" && err != nil:
				t.Fatal(err)
			case tc.want != "" && (!errors.Is(err, radio.ErrInvalid) || !strings.Contains(err.Error(), tc.want)):
				t.Fatalf("got %v, want ErrInvalid with %q", err, tc.want)
			}
		})
	}
}

func TestConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(t)
		b.down.Store(true)
		up := make(chan struct{})
		c := start(t, b, func(o *Options) {
			o.Subscriptions = func() []string { return []string{"z", "a", "m/#"} }
			o.Will = func() (string, []byte) { return "presence", []byte("dead 1") }
			o.OnConnect = func(context.Context) { close(up) }
		})
		if err := c.Publish(t.Context(), "x", nil, false); !errors.Is(err, ErrOffline) {
			t.Errorf("publish before the connection: %v", err)
		}
		b.down.Store(false)
		conn := <-b.conns
		<-up
		if !c.Connected() {
			t.Error("not connected in OnConnect")
		}
		got := conn.connect
		if got.CleanSession || got.Keepalive != 45 || got.ProtocolVersion != 4 || got.ClientIdentifier != "dev" {
			t.Errorf("CONNECT %v", got)
		}
		if got.WillTopic != "presence" || string(got.WillMessage) != "dead 1" || !got.WillRetain || got.WillQos != 1 {
			t.Errorf("will %v", got)
		}
		var filters []string
		for len(conn.got) > 0 { // all before OnConnect, in order
			filters = append(filters, (<-conn.got).(*packets.SubscribePacket).Topics...)
		}
		if !slices.Equal(filters, []string{"z", "a", "m/#"}) {
			t.Errorf("subscribed %v", filters)
		}
	})
}

func TestWillIsAskedForAtEveryConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(t)
		n := 0
		start(t, b, func(o *Options) {
			o.Will = func() (string, []byte) { n++; return "presence", fmt.Appendf(nil, "dead %d", n) }
		})
		for i := 1; i <= 3; i++ {
			conn := <-b.conns
			if got, want := string(conn.connect.WillMessage), fmt.Sprintf("dead %d", i); got != want {
				t.Errorf("connection %d: will %q, want %q", i, got, want)
			}
			synctest.Wait()
			conn.Close()
		}
	})
}

func TestUnacknowledgedPublishComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(t)
		acking := false
		b.ack = func(*packets.PublishPacket) bool { return acking }
		c := start(t, b, func(o *Options) { o.Subscriptions = nil })
		conn := <-b.conns
		synctest.Wait()
		for i := range window {
			if err := c.Publish(t.Context(), "up/journal", []byte{byte(i)}, false); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := c.Publish(ctx, "up/journal", nil, false); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("publish over the window: %v", err)
		}
		acking = true
		conn.Close()
		again := <-b.conns
		for i := range window {
			first, second := (<-conn.got).(*packets.PublishPacket), (<-again.got).(*packets.PublishPacket)
			if second.MessageID != first.MessageID || !second.Dup || second.Payload[0] != byte(i) {
				t.Fatalf("message %d comes again as %v, was %v", i, second, first)
			}
		}
		synctest.Wait()
		if _, any := c.unacked.oldest(); any || len(c.unacked.slots) != 0 {
			t.Error("acknowledged messages are still held")
		}
		if err := c.Publish(t.Context(), "up/journal", nil, false); err != nil {
			t.Error(err)
		}
	})
}

// A broker that hangs up on a message (a topic it forbids) must not get it for ever.
func TestPoisonousPublishIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(t)
		b.ack = func(*packets.PublishPacket) bool { return false }
		c := start(t, b, func(o *Options) { o.Subscriptions = nil })
		conn := <-b.conns
		synctest.Wait()
		if err := c.Publish(t.Context(), "forbidden", nil, false); err != nil {
			t.Fatal(err)
		}
		seen := 0
		for range maxConnectionsPerPublish + 3 {
			synctest.Wait()
			for len(conn.got) > 0 {
				<-conn.got
				seen++
			}
			conn.Close()
			conn = <-b.conns
		}
		if want := maxConnectionsPerPublish + 1; seen != want {
			t.Errorf("sent %d times, want %d", seen, want)
		}
		if len(c.unacked.slots) != 0 {
			t.Error("its place in the window is not free")
		}
	})
}

func TestMessagesInOrderAcknowledgedByTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(t)
		got := make(chan Message, 10)
		start(t, b, func(o *Options) {
			o.Subscriptions = nil
			o.Handle = func(_ context.Context, m Message) { got <- m }
		})
		conn := <-b.conns
		for i := range 3 {
			conn.publish(uint16(i+1), "down/command", fmt.Sprint(i))
		}
		synctest.Wait()
		if len(conn.got) != 0 {
			t.Fatalf("acknowledged before the handler did: %v", <-conn.got)
		}
		for i := range 3 {
			m := <-got
			if m.Topic != "down/command" || string(m.Payload) != fmt.Sprint(i) {
				t.Fatalf("message %d is %s %s", i, m.Topic, m.Payload)
			}
			if i != 1 {
				m.Ack()
			}
		}
		for _, want := range []uint16{1, 3} {
			if p := (<-conn.got).(*packets.PubackPacket); p.MessageID != want {
				t.Errorf("PUBACK %d, want %d", p.MessageID, want)
			}
		}
		synctest.Wait()
		if len(conn.got) != 0 {
			t.Errorf("more than acknowledged: %v", <-conn.got)
		}
	})
}

// In the library a handler that blocks stops pings and acknowledgements with it: five
// messages of nine seconds each cost the connection. Ours only queues.
func TestSlowHandlerKeepsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(t)
		release := make(chan struct{})
		c := start(t, b, func(o *Options) {
			o.Handle = func(_ context.Context, m Message) { <-release; m.Ack() }
		})
		conn := <-b.conns
		for i := range 5 {
			conn.publish(uint16(i+1), "down/command", "")
		}
		time.Sleep(10 * time.Minute) // the bubble's clock
		if err := c.Publish(t.Context(), "up/receipt", nil, false); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(c.unacked.slots) != 0 || !c.Connected() || len(b.conns) != 0 {
			t.Error("the connection was lost or does not move")
		}
		close(release)
	})
}

func TestWatchdog(t *testing.T) {
	for _, tc := range []struct {
		name    string
		disturb func(context.Context, *fakeConn, *Client)
	}{
		{"broker acknowledges nothing", func(ctx context.Context, _ *fakeConn, c *Client) {
			if err := c.Publish(ctx, "up/hello", nil, false); err != nil {
				t.Fatal(err)
			}
		}},
		{"a new connection is asked for", func(_ context.Context, _ *fakeConn, c *Client) { c.Reconnect() }},
		{"broker hangs up", func(_ context.Context, conn *fakeConn, _ *Client) { conn.Close() }},
		{"broker sends an endless packet", func(_ context.Context, conn *fakeConn, _ *Client) {
			conn.out <- []byte{0x32, 0xff, 0xff, 0xff, 0x7f}
		}},
		{"broker sends a malformed length", func(_ context.Context, conn *fakeConn, _ *Client) {
			conn.out <- []byte{0x32, 0xff, 0xff, 0xff, 0xff, 0x7f}
		}},
		{"broker grants what was not asked for", func(_ context.Context, conn *fakeConn, _ *Client) {
			conn.out <- []byte{0x90, 4, 0, 1, 1, 1}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newFakeBroker(t)
				b.ack = func(*packets.PublishPacket) bool { return false }
				c := start(t, b, nil)
				conn := <-b.conns
				synctest.Wait()
				begin := time.Now()
				tc.disturb(t.Context(), conn, c)
				select {
				case <-b.conns:
				case <-time.After(10 * time.Minute):
					t.Fatal("no new connection")
				}
				<-conn.done // the old one is closed
				if took := time.Since(begin); took > 3*defaultKeepAlive+defaultKeepAlive/2 {
					t.Errorf("new connection only after %s", took)
				}
			})
		})
	}
}

// Without an answer to its pings, or to CONNECT, a client tries anew.
func TestSilentBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(t)
		start(t, b, nil)
		<-b.conns
		synctest.Wait()
		begin := time.Now()
		b.silent.Store(true)
		<-b.conns
		if took := time.Since(begin); took > 2*time.Minute {
			t.Errorf("noticed after %s", took)
		}
	})
}

// A message of the session arrives before the subscriptions are settled; the handler
// cannot take it and asks for a new connection. That wish was once lost, and the
// message with it until the connection broke by itself.
func TestRefusedSubscriptions(t *testing.T) {
	for _, tc := range []struct {
		name    string
		refused []string
		up      bool
	}{
		{"one area of two", []string{"a/1"}, true},
		{"all", []string{"a/1", "a/2"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newFakeBroker(t)
				b.refuse = func(f string) bool { return slices.Contains(tc.refused, f) }
				c := start(t, b, func(o *Options) {
					o.Subscriptions = func() []string { return []string{"a/1", "a/2"} }
				})
				<-b.conns
				synctest.Wait()
				if c.Connected() != tc.up {
					t.Errorf("connected %v, want %v", c.Connected(), tc.up)
				}
			})
		})
	}
}

// Whoever runs the client is told why there is no connection, and whether it was turned away.
func TestFailedTellsWhy(t *testing.T) {
	for name, c := range map[string]struct {
		code    byte
		down    bool
		refused bool
	}{
		"not authorised":  {packets.ErrRefusedNotAuthorised, false, true},
		"bad name":        {packets.ErrRefusedBadUsernameOrPassword, false, true},
		"id rejected":     {packets.ErrRefusedIDRejected, false, true},
		"busy":            {packets.ErrRefusedServerUnavailable, false, false},
		"nobody is there": {packets.Accepted, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newFakeBroker(t)
				b.code = c.code
				b.down.Store(c.down)
				told := make(chan error, 100)
				start(t, b, func(o *Options) { o.Failed = func(err error) { told <- err } })
				if err := <-told; errors.Is(err, ErrRefused) != c.refused {
					t.Errorf("told %v", err)
				}
			})
		})
	}
}

func TestPublishTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(t)
		c := start(t, b, nil)
		<-b.conns
		synctest.Wait()
		if err := c.Publish(t.Context(), "up/journal", make([]byte, MaxPacket), false); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("got %v", err)
		}
	})
}
