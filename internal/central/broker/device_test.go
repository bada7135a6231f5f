package broker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// device is a raw MQTT 3.1.1 client: it sends exactly what a test says, and does not
// acknowledge by itself.
type device struct {
	t    *testing.T
	conn net.Conn
	in   chan packets.Packet // closed with the connection
}

// hangs bounds waiting in real time; in a synctest bubble it passes at once when
// nothing else can happen.
const hangs = 20 * time.Second

// connect is the CONNECT packet of a device; change it as needed.
func connect(id string) packets.Packet {
	return packets.Packet{
		FixedHeader:     packets.FixedHeader{Type: packets.Connect},
		ProtocolVersion: 4,
		Connect: packets.ConnectParams{
			ProtocolName: []byte("MQTT"), ClientIdentifier: id, Keepalive: 60,
			UsernameFlag: true, Username: []byte(id),
		},
	}
}

// newDevice starts reading; nothing is sent yet.
func newDevice(t *testing.T, conn net.Conn) *device {
	d := &device{t: t, conn: conn, in: make(chan packets.Packet, 2000)}
	go d.read()
	t.Cleanup(func() { conn.Close() })
	return d
}

// login connects and expects to be let in.
func login(t *testing.T, conn net.Conn, pk packets.Packet) *device {
	t.Helper()
	d := newDevice(t, conn)
	d.send(pk)
	if ack := d.expect(packets.Connack); ack.ReasonCode != 0 {
		t.Fatalf("%s is refused: %d", pk.Connect.ClientIdentifier, ack.ReasonCode)
	}
	return d
}

func (d *device) read() {
	defer close(d.in)
	r := bufio.NewReader(d.conn)
	for {
		b, err := r.ReadByte()
		if err != nil {
			return
		}
		pk := packets.Packet{ProtocolVersion: 4}
		if pk.FixedHeader.Decode(b) != nil {
			return
		}
		if pk.FixedHeader.Remaining, _, err = packets.DecodeLength(r); err != nil {
			return
		}
		body := make([]byte, pk.FixedHeader.Remaining)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		switch pk.FixedHeader.Type {
		case packets.Connack:
			err = pk.ConnackDecode(body)
		case packets.Suback:
			err = pk.SubackDecode(body)
		case packets.Puback:
			err = pk.PubackDecode(body)
		case packets.Publish:
			err = pk.PublishDecode(body)
		}
		if err != nil {
			return
		}
		d.in <- pk
	}
}

func (d *device) send(pk packets.Packet) {
	d.t.Helper()
	if err := d.trySend(pk); err != nil {
		d.t.Fatalf("send packet %d: %v", pk.FixedHeader.Type, err)
	}
}

func (d *device) trySend(pk packets.Packet) error {
	if pk.ProtocolVersion == 0 {
		pk.ProtocolVersion = 4
	}
	var b bytes.Buffer
	var err error
	switch pk.FixedHeader.Type {
	case packets.Connect:
		err = pk.ConnectEncode(&b)
	case packets.Publish:
		err = pk.PublishEncode(&b)
	case packets.Puback:
		err = pk.PubackEncode(&b)
	case packets.Subscribe:
		err = pk.SubscribeEncode(&b)
	case packets.Pingreq:
		err = pk.PingreqEncode(&b)
	case packets.Disconnect:
		err = pk.DisconnectEncode(&b)
	default:
		err = errors.New("unknown packet type")
	}
	if err != nil {
		return err
	}
	_, err = d.conn.Write(b.Bytes())
	return err
}

// expect returns the next packet, which must be of this type.
func (d *device) expect(kind byte) packets.Packet {
	d.t.Helper()
	select {
	case pk, ok := <-d.in:
		if !ok {
			d.t.Fatalf("connection closed, want packet %d", kind)
		}
		if pk.FixedHeader.Type != kind {
			d.t.Fatalf("got packet %d (%s %q), want %d", pk.FixedHeader.Type, pk.TopicName, clip(string(pk.Payload)), kind)
		}
		return pk
	case <-time.After(hangs):
		d.t.Fatalf("no packet, want %d", kind)
	}
	panic("not reached")
}

// closed waits for the broker to hang up.
func (d *device) closed() {
	d.t.Helper()
	for {
		select {
		case pk, ok := <-d.in:
			if !ok {
				return
			}
			// A 3.1.1 device ignores the library's DISCONNECT.
			if pk.FixedHeader.Type != packets.Disconnect && pk.FixedHeader.Type != packets.Connack {
				d.t.Fatalf("got packet %d, want the end", pk.FixedHeader.Type)
			}
		case <-time.After(10 * time.Minute):
			d.t.Fatal("connection stays open")
		}
	}
}

// nothing sends a ping and expects its answer next: whatever the broker had to say
// before is said.
func (d *device) nothing() {
	d.t.Helper()
	d.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Pingreq}})
	d.expect(packets.Pingresp)
}

func (d *device) publish(id uint16, topic, payload string) {
	d.t.Helper()
	pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish}, TopicName: topic, Payload: []byte(payload)}
	if id != 0 {
		pk.PacketID, pk.FixedHeader.Qos = id, 1
	}
	d.send(pk)
}

func (d *device) ack(pk packets.Packet) {
	d.t.Helper()
	d.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Puback}, PacketID: pk.PacketID})
}

// subscribe returns the return codes.
func (d *device) subscribe(id uint16, filters ...string) []byte {
	d.t.Helper()
	pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, PacketID: id}
	for _, f := range filters {
		pk.Filters = append(pk.Filters, packets.Subscription{Filter: f, Qos: 1})
	}
	d.send(pk)
	ack := d.expect(packets.Suback)
	if ack.PacketID != id {
		d.t.Fatalf("SUBACK %d, want %d", ack.PacketID, id)
	}
	return ack.ReasonCodes
}

// access is what the tests' devices may do: up and down their own branch, and read
// the alerts of area north. It matches level by level, as wire does.
type access struct {
	mu      sync.Mutex
	revoked map[string]bool
}

func (a *access) Allowed(device string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.revoked[device]
}

func (a *access) MayPublish(device, topic string) bool {
	return below(topic, "loaxa/v1/d/"+device+"/up") && !strings.HasSuffix(topic, "/closed")
}

func (a *access) MaySubscribe(device, filter string) bool {
	return below(filter, "loaxa/v1/d/"+device+"/down") || filter == "loaxa/v1/a/north/down/alert"
}

// below: the levels of branch, and at least one more.
func below(topic, branch string) bool {
	t, b := strings.Split(topic, "/"), strings.Split(branch, "/")
	return len(t) > len(b) && slices.Equal(t[:len(b)], b)
}

// ingested is one call of Ingest.
type ingested struct{ device, topic, payload string }

// recorder is an Ingest that notes its calls; answer decides on each.
type recorder struct {
	got    chan ingested
	answer func(ctx context.Context, m ingested) error
}

func newRecorder() *recorder { return &recorder{got: make(chan ingested, 2000)} }

func (r *recorder) Message(ctx context.Context, device, topic string, payload []byte) error {
	m := ingested{device, topic, string(payload)}
	r.got <- m
	if r.answer != nil {
		return r.answer(ctx, m)
	}
	return nil
}

func (r *recorder) expect(t *testing.T, want ingested) {
	t.Helper()
	select {
	case got := <-r.got:
		if got != want {
			t.Fatalf("ingest got %.200v, want %v", got, want)
		}
	case <-time.After(hangs):
		t.Fatalf("ingest got nothing, want %v", want)
	}
}

func (r *recorder) nothing(t *testing.T) {
	t.Helper()
	select {
	case got := <-r.got:
		t.Fatalf("ingest got %.200v", got)
	default:
	}
}

// testLogger shows the log of a test that fails.
func testLogger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}
