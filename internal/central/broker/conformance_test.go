package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"loaxa/internal/radio"
)

// TestConformance is what central relies on, whichever broker it runs with: the
// embedded one, and mosquitto as the external one. Over real sockets, in real time.
func TestConformance(t *testing.T) {
	for _, tc := range []struct {
		name  string
		start func(*testing.T, *recorder) *subject
	}{
		{"embedded", startEmbedded},
		{"mosquitto", startMosquitto},
		{"mosquitto, shared subscription", startMosquittoShared},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, c := range conformance {
				t.Run(c.name, func(t *testing.T) {
					r := newRecorder()
					c.check(t, tc.start(t, r), r)
				})
			}
		})
	}
}

// link is what Embedded and External have in common; central declares its own.
type link interface {
	Run(ctx context.Context) error
	Publish(ctx context.Context, topic string, payload []byte, retained bool) error
	Connected(device string) bool
	Disconnect(device string) error
	Stats() Stats
}

// subject is a broker to check.
type subject struct {
	link
	addr string
}

func (s *subject) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// publish repeats until the link takes it: an external broker may just be coming up.
func (s *subject) publish(t *testing.T, topic, payload string, retained bool) {
	t.Helper()
	eventually(t, "publish to "+topic, func() bool {
		return s.Publish(t.Context(), topic, []byte(payload), retained) == nil
	})
}

// eventually polls where a real process is involved.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(hangs)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not within %s", what, hangs)
		}
	}
}

var conformance = []struct {
	name  string
	check func(t *testing.T, s *subject, r *recorder)
}{
	{"what a device sends reaches ingest, in order", func(t *testing.T, s *subject, r *recorder) {
		d := login(t, s.dial(t), connect("one"))
		for i := range 20 {
			d.publish(uint16(i+1), journal, fmt.Sprint(i))
		}
		for i := range 20 {
			d.expect(packets.Puback)
			r.expect(t, ingested{"one", journal, fmt.Sprint(i)})
		}
	}},
	{"what ingest cannot take comes again", func(t *testing.T, s *subject, r *recorder) {
		var failures atomic.Int32
		r.answer = func(context.Context, ingested) error {
			if failures.Add(1) <= 2 {
				return errors.New("database is locked")
			}
			return nil
		}
		d := login(t, s.dial(t), connect("one"))
		for attempt := 0; ; attempt++ {
			// A device does what MQTT asks: no PUBACK, so it sends again when it reconnects.
			if attempt > 5 {
				t.Fatal("no PUBACK after five connections")
			}
			d.publish(7, journal, "x")
			d.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Pingreq}})
			r.expect(t, ingested{"one", journal, "x"})
			if pk := <-d.in; pk.FixedHeader.Type == packets.Puback {
				break
			}
			d.conn.Close()
			d = login(t, s.dial(t), connect("one"))
		}
		eventually(t, "a third call of ingest", func() bool { return failures.Load() >= 3 })
		if got := s.Stats(); got.Rejected != 2 {
			t.Errorf("stats %+v", got)
		}
	}},
	{"retained documents arrive at every subscription", func(t *testing.T, s *subject, _ *recorder) {
		s.publish(t, program, "revision 1", true)
		s.publish(t, program, "revision 2", true)
		eventually(t, "revision 2", func() bool { // the external broker stores it in its own time
			pk := connect("probe")
			pk.Connect.Clean, pk.Connect.Username, pk.Connect.ClientIdentifier = true, []byte("one"), "one"
			d := login(t, s.dial(t), pk)
			defer d.conn.Close()
			d.subscribe(1, program)
			select {
			case got := <-d.in:
				return string(got.Payload) == "revision 2"
			case <-time.After(time.Second):
				return false
			}
		})
		for range 2 {
			d := login(t, s.dial(t), connect("one"))
			d.subscribe(1, "loaxa/v1/d/one/down/#")
			pk := d.expect(packets.Publish)
			if string(pk.Payload) != "revision 2" || !pk.FixedHeader.Retain || pk.FixedHeader.Qos != 1 {
				t.Errorf("got %s, retained %v, QoS %d", pk.Payload, pk.FixedHeader.Retain, pk.FixedHeader.Qos)
			}
			d.ack(pk)
			d.nothing()
			d.conn.Close()
		}
	}},
	{"what was sent while away comes with the session", func(t *testing.T, s *subject, _ *recorder) {
		d := login(t, s.dial(t), connect("one"))
		d.subscribe(1, "loaxa/v1/d/one/down/#")
		d.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Disconnect}})
		d.closed()
		s.publish(t, command, "play", false)
		d = login(t, s.dial(t), connect("one"))
		// Before it subscribes; mosquitto may also get it only now.
		pk := d.expect(packets.Publish)
		if string(pk.Payload) != "play" {
			t.Errorf("got %s", pk.Payload)
		}
		d.ack(pk)
	}},
	{"unacknowledged messages come again", func(t *testing.T, s *subject, _ *recorder) {
		d := login(t, s.dial(t), connect("one"))
		d.subscribe(1, command)
		s.publish(t, command, "play", false)
		d.expect(packets.Publish)
		d.conn.Close()
		d = login(t, s.dial(t), connect("one"))
		pk := d.expect(packets.Publish)
		if string(pk.Payload) != "play" {
			t.Errorf("got %s", pk.Payload)
		}
		d.ack(pk)
		d.nothing()
		d.conn.Close()
		d = login(t, s.dial(t), connect("one"))
		d.nothing()
	}},
	{"the will of a device that vanishes reaches ingest", func(t *testing.T, s *subject, r *recorder) {
		pk := connect("one")
		pk.Connect.WillFlag, pk.Connect.WillRetain, pk.Connect.WillQos = true, true, 1
		pk.Connect.WillTopic, pk.Connect.WillPayload = "loaxa/v1/d/one/up/presence", []byte("death 4")
		d := login(t, s.dial(t), pk)
		d.publish(1, journal, "x")
		r.expect(t, ingested{"one", journal, "x"})
		d.conn.Close()
		r.expect(t, ingested{"one", "loaxa/v1/d/one/up/presence", "death 4"})
	}},
	{"a device writes only its own branch", func(t *testing.T, s *subject, r *recorder) {
		for _, topic := range []string{
			"loaxa/v1/d/two/up/journal", "loaxa/v1/d/one/down/command", "loaxa/v1/a/north/down/alert",
			"loaxa/v1/d/one/up", "loaxa/v1/d/one", "other",
		} {
			d := login(t, s.dial(t), connect("one"))
			d.publish(0, topic, "forged") // QoS 0: refused without a word
			d.publish(1, journal, "after "+topic)
			d.expect(packets.Puback)
			r.expect(t, ingested{"one", journal, "after " + topic})
			d.conn.Close()
		}
	}},
	{"a device reads only what is its own", func(t *testing.T, s *subject, _ *recorder) {
		d := login(t, s.dial(t), connect("one"))
		d.subscribe(1, "#")
		d.subscribe(2, "loaxa/v1/d/two/down/command")
		d.subscribe(3, "loaxa/v1/d/+/down/command")
		d.subscribe(4, alert)
		for _, topic := range []string{
			"loaxa/v1/d/two/down/command", "loaxa/v1/a/south/down/alert",
			alert + "/more", // a/b does not open a/b/c
		} {
			s.publish(t, topic, "secret", true)
		}
		s.publish(t, alert, "for all", false)
		if pk := d.expect(packets.Publish); pk.TopicName != alert {
			t.Errorf("device reads %s", pk.TopicName)
		}
	}},
	{"a packet over 256 KiB ends the connection", func(t *testing.T, s *subject, r *recorder) {
		d := login(t, s.dial(t), connect("one"))
		d.publish(1, journal, strings.Repeat("x", MaxPacket-100))
		d.expect(packets.Puback)
		<-r.got
		// An error means that the broker has already hung up.
		_ = d.trySend(packets.Packet{
			FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1}, PacketID: 2,
			TopicName: journal, Payload: bytes.Repeat([]byte("x"), MaxPacket),
		})
		d.closed()
		r.nothing(t)
		if err := s.Publish(t.Context(), command, make([]byte, MaxPacket), false); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("publish: %v", err)
		}
	}},
	{"voice of 128 KiB reaches an area", func(t *testing.T, s *subject, _ *recorder) {
		d := login(t, s.dial(t), connect("one"))
		d.subscribe(1, alert)
		voice := strings.Repeat("v", 128<<10)
		s.publish(t, alert, voice, false)
		if pk := d.expect(packets.Publish); string(pk.Payload) != voice {
			t.Errorf("%d bytes", len(pk.Payload))
		}
	}},
	{"retained messages can be cleared", func(t *testing.T, s *subject, _ *recorder) {
		d := login(t, s.dial(t), connect("one"))
		d.subscribe(1, program)
		d.nothing() // until the subscription is through: it may deliver what is retained meanwhile
		s.publish(t, program, "revision 1", true)
		d.ack(d.expect(packets.Publish))
		s.publish(t, program, "", true)
		d.ack(d.expect(packets.Publish))
		d.subscribe(2, program)
		d.nothing()
	}},
}

func startEmbedded(t *testing.T, r *recorder) *subject {
	t.Helper()
	b, err := NewEmbedded(Options{
		Listen: "127.0.0.1:0", InsecureLoopback: true,
		Access: &access{}, Ingest: r, Logger: testLogger(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, b)
	<-b.Ready()
	return &subject{link: b, addr: b.Addr().String()}
}

func run(t *testing.T, b link) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// mosquittoACL is the same rules as the fixture's access, by user name, which a real
// installation takes from the certificate.
// mosquitto starts Debian's broker on a free port and stops it after the test.
// startMosquittoAt returns when it listens; stop kills it.
