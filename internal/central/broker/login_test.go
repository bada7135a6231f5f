package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"loaxa/internal/radio"
)

func TestLoginRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*packets.Packet)
		code   byte // of CONNACK, MQTT 3.1.1 §3.2.2.3
	}{
		{"MQTT 5", func(pk *packets.Packet) { pk.ProtocolVersion = 5 }, packets.ErrUnsupportedProtocolVersion.Code},
		{"MQTT 3.1", func(pk *packets.Packet) {
			pk.ProtocolVersion, pk.Connect.ProtocolName = 3, []byte("MQIsdp")
		}, 1},
		{"client id is another device", func(pk *packets.Packet) { pk.Connect.ClientIdentifier = "two" }, 5},
		{"no client id", func(pk *packets.Packet) { pk.Connect.ClientIdentifier, pk.Connect.Clean = "", true }, 5},
		{"no identity", func(pk *packets.Packet) { pk.Connect.UsernameFlag, pk.Connect.Username = false, nil }, 5},
		{"the library's own client", func(pk *packets.Packet) {
			pk.Connect.ClientIdentifier, pk.Connect.Username = mochi.InlineClientId, []byte(mochi.InlineClientId)
		}, 5},
		{"revoked", func(pk *packets.Packet) {
			pk.Connect.ClientIdentifier, pk.Connect.Username = "gone", []byte("gone")
		}, 5},
		{"will of another device", func(pk *packets.Packet) {
			pk.Connect.WillFlag, pk.Connect.WillTopic, pk.Connect.WillPayload = true, "loaxa/v1/d/two/up/presence", []byte("x")
		}, 5},
		{"will with wildcard", func(pk *packets.Packet) {
			pk.Connect.WillFlag, pk.Connect.WillTopic, pk.Connect.WillPayload = true, "loaxa/v1/d/one/up/#", []byte("x")
		}, 5},
		{"will with QoS 2", func(pk *packets.Packet) {
			pk.Connect.WillFlag, pk.Connect.WillTopic, pk.Connect.WillPayload = true, "loaxa/v1/d/one/up/presence", []byte("x")
			pk.Connect.WillQos = 2
		}, packets.ErrQosNotSupported.Code},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, b *bench) {
				b.access.revoked["gone"] = true
				pk := connect("one")
				tc.change(&pk)
				d := newDevice(t, b.dial())
				d.send(pk)
				if got := d.expect(packets.Connack); got.ReasonCode != tc.code {
					t.Errorf("CONNACK %#x, want %#x", got.ReasonCode, tc.code)
				}
				d.closed()
				b.ingest.nothing(t)
				if b.Connected(pk.Connect.ClientIdentifier) {
					t.Error("connected")
				}
			})
		})
	}
}

func TestSubscriptions(t *testing.T) {
	for _, tc := range []struct {
		filter string
		ok     bool
	}{
		{"loaxa/v1/d/one/down/#", true},
		{"loaxa/v1/d/one/down/command", true},
		{"loaxa/v1/d/one/down/+", true},
		{"loaxa/v1/a/north/down/alert", true},
		// a/b must not open a/b/c: the library's own matcher did.
		{"loaxa/v1/a/north/down/alert/more", false},
		{"loaxa/v1/a/north/down/#", false},
		{"loaxa/v1/a/+/down/alert", false},
		{"loaxa/v1/d/+/down/command", false},
		{"loaxa/v1/d/one/#", false},
		{"loaxa/v1/d/one/up/journal", false},
		{"loaxa/v1/d/two/down/command", false},
		{"#", false},
		{"+/+/+/+/+/+", false},
		{"$SYS/#", false},
		{"$share/g/loaxa/v1/d/one/down/command", false},
		{"", false},
	} {
		t.Run(tc.filter, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, b *bench) {
				d := login(t, b.dial(), connect("one"))
				if got := d.subscribe(1, tc.filter)[0] == 1; got != tc.ok {
					t.Errorf("allowed %v, want %v", got, tc.ok)
				}
			})
		})
	}
}

// The broker's own topics and shared subscriptions are closed whatever Access says.
func TestDollarTopics(t *testing.T) {
	bubble(t, func(o *Options) { o.Access = allowAll{} }, func(t *testing.T, b *bench) {
		d := login(t, b.dial(), connect("one"))
		if got := d.subscribe(1, "$SYS/#", "$share/g/#", "#"); !slices.Equal(got, []byte{0x80, 0x80, 1}) {
			t.Errorf("return codes %v", got)
		}
	})
}

type allowAll struct{}

func (allowAll) Allowed(string) bool              { return true }
func (allowAll) MayPublish(string, string) bool   { return true }
func (allowAll) MaySubscribe(string, string) bool { return true }

// A right that is taken away ends deliveries on subscriptions that exist.
func TestDeliveryAsksAgain(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		d := login(t, b.dial(), connect("one"))
		d.subscribe(1, "loaxa/v1/d/one/down/#")
		d.conn.Close()
		synctest.Wait()
		b.hook.access = denyAll{b.access}
		d = login(t, b.dial(), connect("one"))
		if err := b.Publish(t.Context(), command, []byte("x"), false); err != nil {
			t.Fatal(err)
		}
		d.nothing()
	})
}

type denyAll struct{ *access }

func (denyAll) MaySubscribe(string, string) bool { return false }

func TestTooManySubscriptions(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		d := login(t, b.dial(), connect("one"))
		var filters []string
		for i := range maxSubscriptions + 8 {
			filters = append(filters, fmt.Sprintf("loaxa/v1/d/one/down/%d", i))
		}
		for round := range 2 { // the second time those held are granted again
			granted := 0
			for _, code := range d.subscribe(uint16(round+1), filters...) {
				if code == 1 {
					granted++
				}
			}
			if granted != maxSubscriptions {
				t.Errorf("round %d: %d granted, want %d", round, granted, maxSubscriptions)
			}
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Options)
	}{
		{"no TLS", func(o *Options) { o.InsecureLoopback = false }},
		{"TLS without client certificates", func(o *Options) { o.TLS = serverTLS(t, nil) }},
		{"no address", func(o *Options) { o.Listener = nil }},
		{"no access", func(o *Options) { o.Access = nil }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			opts := Options{Listener: newPipes(), InsecureLoopback: true, Access: &access{}, Ingest: newRecorder()}
			tc.change(&opts)
			if _, err := NewEmbedded(opts); !errors.Is(err, radio.ErrInvalid) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("no TLS beyond loopback", func(t *testing.T) {
		b, err := NewEmbedded(Options{Listen: "0.0.0.0:0", InsecureLoopback: true, Access: &access{}, Ingest: newRecorder()})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Run(t.Context()); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("got %v", err)
		}
	})
}

func TestPublishRefuses(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for _, tc := range []struct {
			name, topic, payload string
			ctx                  context.Context
			want                 error
		}{
			{"no topic", "", "x", t.Context(), radio.ErrInvalid},
			{"wildcard", "loaxa/v1/d/+/down/command", "x", t.Context(), radio.ErrInvalid},
			{"endless topic", strings.Repeat("x", 1000), "x", t.Context(), radio.ErrInvalid},
			{"larger than a packet", command, strings.Repeat("x", MaxPacket), t.Context(), radio.ErrInvalid},
			{"too late", command, "x", gone, context.Canceled},
		} {
			if err := b.Publish(tc.ctx, tc.topic, []byte(tc.payload), false); !errors.Is(err, tc.want) {
				t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
			}
		}
	})
}
