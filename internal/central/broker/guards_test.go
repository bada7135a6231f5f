package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"loaxa/internal/radio"
)

// Each test here fails without its guard; the stories are in the guards' comments.

// Without the deadline below the library one device that stopped reading held up an
// alert for the others by up to 42 s. In real time, because the library waits on a
// mutex there, which stops a bubble's clock.
func TestStalledDeviceDoesNotHoldUpOthers(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Limits.WriteWithin = 100 * time.Millisecond })
	stalled := b.dial()
	other := login(t, b.dial(), connect("two"))
	other.subscribe(1, alert)
	// By hand: read CONNACK and SUBACK, then nothing more.
	send := &device{t: t, conn: stalled}
	send.send(connect("one"))
	read := func(n int) {
		t.Helper()
		if _, err := stalled.Read(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	read(4)
	send.send(packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, PacketID: 1,
		Filters: packets.Subscriptions{{Filter: alert, Qos: 1}},
	})
	read(5)
	const alerts = 5
	for i := range alerts {
		if err := b.Publish(t.Context(), alert, fmt.Appendf(nil, "alert %d", i), false); err != nil {
			t.Fatal(err)
		}
	}
	for range alerts { // within 20 s; unguarded it takes 90 s
		other.ack(other.expect(packets.Publish))
	}
	if b.Connected("two") != true {
		t.Error("the other lost its connection")
	}
}

func TestSessionDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		s := newSession(server, nil, Limits{}.withDefaults())
		begin := time.Now()
		failed := make(chan error)
		go func() {
			_, err := s.Write([]byte("x"))
			failed <- err
		}()
		synctest.Wait()
		// The library extends its deadline at every packet from the device.
		if err := s.SetDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; err == nil || time.Since(begin) != 2*time.Second {
			t.Errorf("write ended after %s with %v, want an error after 2 s", time.Since(begin), err)
		}
		if _, err := s.Read(make([]byte, 1)); err == nil || time.Since(begin) != 2*time.Second {
			t.Error("the connection goes on after a write that failed")
		}
	})
}

func TestNothingExpires(t *testing.T) {
	if testing.Short() {
		t.Skip("short: a day of the library's ticks takes seconds; TestLibrarySettings looks at the setting")
	}
	bubble(t, nil, func(t *testing.T, b *bench) {
		d := login(t, b.dial(), connect("one"))
		d.subscribe(1, command)
		d.conn.Close()
		synctest.Wait()
		for topic, retained := range map[string]bool{command: false, program: true} {
			if err := b.Publish(t.Context(), topic, []byte("x"), retained); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(25 * time.Hour) // the library's default is 24
		d = login(t, b.dial(), connect("one"))
		d.expect(packets.Publish)
		d.subscribe(1, program)
		d.expect(packets.Publish)
	})
}

func TestWindow(t *testing.T) {
	for _, away := range []bool{false, true} {
		t.Run(fmt.Sprintf("away %v", away), func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, b *bench) {
				d := login(t, b.dial(), connect("one"))
				d.subscribe(1, "loaxa/v1/d/one/down/#")
				if away {
					d.conn.Close()
				}
				synctest.Wait() // the library sends what is retained after the SUBACK
				for i := range window {
					if err := b.Publish(t.Context(), command, []byte{byte(i)}, false); err != nil {
						t.Fatal(err)
					}
				}
				if err := b.Publish(t.Context(), command, nil, false); !errors.Is(err, ErrBusy) || !errors.Is(err, radio.ErrUnavailable) {
					t.Fatalf("message %d: %v, want ErrBusy", window+1, err)
				}
				// What is retained is stored all the same.
				if err := b.Publish(t.Context(), program, []byte("p"), true); errors.Is(err, ErrBusy) == away {
					t.Errorf("retained: %v", err)
				}
				if n := len(b.server.Topics.Messages(program)); n != 1 {
					t.Error("retained message is not stored")
				}
				if away {
					d = login(t, b.dial(), connect("one"))
				}
				synctest.Wait()
				if len(d.in) != window {
					t.Fatalf("device has %d messages, want %d", len(d.in), window)
				}
				d.ack(d.expect(packets.Publish))
				synctest.Wait()
				if err := b.Publish(t.Context(), command, nil, false); err != nil {
					t.Errorf("after a PUBACK: %v", err)
				}
			})
		})
	}
}

// A topic of an area is not stopped by one device that reads nothing; the hard bound
// then protects the memory.
func TestAreaMessagesAreBoundedPerDevice(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		d := login(t, b.dial(), connect("one"))
		d.subscribe(1, alert)
		d.conn.Close()
		other := login(t, b.dial(), connect("two"))
		other.subscribe(1, alert)
		for range 200 {
			if err := b.Publish(t.Context(), alert, []byte("x"), false); err != nil {
				t.Fatal(err)
			}
			other.ack(other.expect(packets.Publish))
		}
		d = login(t, b.dial(), connect("one"))
		synctest.Wait()
		if len(d.in) != maxInFlight {
			t.Errorf("%d messages kept, want %d", len(d.in), maxInFlight)
		}
		if got := b.Stats().Dropped; got != 200-maxInFlight {
			t.Errorf("%d dropped, want %d", got, 200-maxInFlight)
		}
	})
}

// Device and broker number their packets separately; the library keeps one list.
func TestPacketNumbersDoNotMeet(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		d := login(t, b.dial(), connect("one"))
		d.subscribe(1, command)
		d.conn.Close()
		synctest.Wait()
		for range 3 {
			if err := b.Publish(t.Context(), command, []byte("x"), false); err != nil {
				t.Fatal(err)
			}
		}
		d = login(t, b.dial(), connect("one"))
		var waiting []packets.Packet
		for range 3 {
			waiting = append(waiting, d.expect(packets.Publish))
		}
		for _, pk := range waiting { // the same numbers, from the device's side
			if codes := d.subscribe(pk.PacketID, command); codes[0] != 1 {
				t.Errorf("subscription %d refused: %#x", pk.PacketID, codes)
			}
			d.publish(pk.PacketID, journal, "x")
			if got := d.expect(packets.Puback); got.PacketID != pk.PacketID {
				t.Errorf("PUBACK %d, want %d", got.PacketID, pk.PacketID)
			}
		}
		d.conn.Close()
		synctest.Wait()
		d = login(t, b.dial(), connect("one"))
		synctest.Wait()
		if len(d.in) != 3 {
			t.Errorf("%d unacknowledged messages come again, want 3", len(d.in))
		}
	})
}

// A PUBACK that could not be written must not stay in the list of unacknowledged
// messages and go to the next connection.
func TestUnwrittenPubackIsForgotten(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		commit := make(chan error)
		b.ingest.answer = func(context.Context, ingested) error { return <-commit }
		d := login(t, b.dial(), connect("one"))
		d.publish(7, journal, "x")
		synctest.Wait()
		d.conn.Close()
		commit <- nil
		synctest.Wait()
		d = login(t, b.dial(), connect("one"))
		d.nothing()
		if cl, ok := b.server.Clients.Get("one"); !ok || cl.State.Inflight.Len() != 0 {
			t.Error("something is in flight")
		}
	})
}

func TestStrangers(t *testing.T) {
	tooLarge := bytes.Repeat([]byte("x"), MaxPacket)
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, b *bench) *device
		want time.Duration // until the broker hangs up
	}{
		{"says nothing", func(t *testing.T, b *bench) *device { return newDevice(t, b.dial()) }, 10 * time.Second},
		{"drips", func(t *testing.T, b *bench) *device {
			d := newDevice(t, b.dial())
			for _, c := range []byte("\x10\x7f\x00\x04MQTT\x04\x02\x00\x3c\x00\x70aaaaaaaaaaaaaaaaa") {
				if _, err := d.conn.Write([]byte{c}); err != nil {
					break
				}
				time.Sleep(900 * time.Millisecond)
			}
			return d
		}, 10800 * time.Millisecond}, // the first write after ten seconds fails
		{"begins with something else", func(t *testing.T, b *bench) *device {
			d := newDevice(t, b.dial())
			d.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Pingreq}})
			return d
		}, 0},
		{"keeps no connection alive", func(t *testing.T, b *bench) *device {
			pk := connect("one")
			pk.Connect.Keepalive = 0
			return login(t, b.dial(), pk)
		}, 180 * time.Second},
		{"keeps it alive once a day", func(t *testing.T, b *bench) *device {
			pk := connect("one")
			pk.Connect.Keepalive = 65535
			return login(t, b.dial(), pk)
		}, 180 * time.Second},
		{"sends too much", func(t *testing.T, b *bench) *device {
			d := login(t, b.dial(), connect("one"))
			go d.trySend(packets.Packet{
				FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1}, PacketID: 1,
				TopicName: journal, Payload: tooLarge,
			})
			return d
		}, 0},
		{"sends too much at once, before CONNECT", func(t *testing.T, b *bench) *device {
			d := newDevice(t, b.dial())
			go d.conn.Write(append([]byte{0x10, 0xff, 0xff, 0xff, 0x7f}, tooLarge...))
			return d
		}, 0},
		{"publishes with QoS 2", func(t *testing.T, b *bench) *device {
			d := login(t, b.dial(), connect("one"))
			d.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 2}, PacketID: 1, TopicName: journal, Payload: []byte("x")})
			return d
		}, 0},
		{"publishes elsewhere", func(t *testing.T, b *bench) *device {
			d := login(t, b.dial(), connect("one"))
			d.publish(1, "loaxa/v1/d/two/up/journal", "x")
			return d
		}, 0},
		{"connects twice on one connection", func(t *testing.T, b *bench) *device {
			d := login(t, b.dial(), connect("one"))
			d.send(connect("one"))
			return d
		}, 0},
		{"one connection too many", func(t *testing.T, b *bench) *device {
			for i := range 3 {
				login(t, b.dial(), connect(fmt.Sprint(i)))
			}
			return newDevice(t, b.dial())
		}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(o *Options) { o.Limits.Connections = 3 }, func(t *testing.T, b *bench) {
				begin := time.Now()
				d := tc.do(t, b)
				d.closed()
				if got := time.Since(begin); got != tc.want {
					t.Errorf("hung up after %s, want %s", got, tc.want)
				}
				b.ingest.nothing(t)
			})
		})
	}
}

func TestRateLimit(t *testing.T) {
	bubble(t, func(o *Options) { o.Limits.Rate, o.Limits.Burst = 10, 20 }, func(t *testing.T, b *bench) {
		d := login(t, b.dial(), connect("one"))
		begin := time.Now()
		for i := range 120 {
			d.publish(uint16(i+1), journal, "x")
			d.expect(packets.Puback)
		}
		if got := time.Since(begin).Round(time.Second); got != 10*time.Second {
			t.Errorf("120 messages took %s at 10/s after a burst of 20, want 10 s", got)
		}
	})
}

// What comes above the rate is not read until its turn: nothing of it is acknowledged
// before, and nothing is lost.
func TestFloodIsHeldBack(t *testing.T) {
	bubble(t, func(o *Options) { o.Limits.Rate, o.Limits.Burst = 10, 20 }, func(t *testing.T, b *bench) {
		flooding, other := login(t, b.dial(), connect("one")), login(t, b.dial(), connect("two"))
		const flood = 60
		go func() {
			for i := range flood {
				if flooding.trySend(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1}, PacketID: uint16(i + 1),
					TopicName: journal, Payload: fmt.Append(nil, i)}) != nil {
					return // the test says what is missing
				}
			}
		}()
		synctest.Wait()
		if n := len(flooding.in); n != 19 { // CONNECT was the first of the burst
			t.Errorf("%d acknowledged at once, want 19", n)
		}
		other.publish(1, "loaxa/v1/d/two/up/journal", "x") // no other waits for it
		other.expect(packets.Puback)
		for range flood {
			flooding.expect(packets.Puback)
		}
		seen := 0
		for range flood + 1 {
			if m := <-b.ingest.got; m.device == "one" {
				if m.payload != fmt.Sprint(seen) {
					t.Fatalf("%s came as number %d", m.payload, seen)
				}
				seen++
			}
		}
		if seen != flood {
			t.Errorf("%d of %d reached ingest", seen, flood)
		}
	})
}

// Pings and subscriptions cost too.
func TestRateIsOfAllPackets(t *testing.T) {
	for name, say := range map[string]func(*device, int){
		"ping":      func(d *device, _ int) { d.nothing() },
		"subscribe": func(d *device, i int) { d.subscribe(uint16(i+1), command) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(o *Options) { o.Limits.Rate, o.Limits.Burst = 10, 20 }, func(t *testing.T, b *bench) {
				d := login(t, b.dial(), connect("one"))
				begin := time.Now()
				for i := range 120 {
					say(d, i)
				}
				if got := time.Since(begin).Round(time.Second); got != 10*time.Second {
					t.Errorf("120 took %s at 10/s after a burst of 20, want 10 s", got)
				}
			})
		})
	}
}

// One address without a certificate must not take all places; devices that have logged in
// may share one.
func TestStrangersOfOneAddress(t *testing.T) {
	bubble(t, func(o *Options) { o.Limits.Connections, o.Limits.Strangers = 10, 2 }, func(t *testing.T, b *bench) {
		for i := range 4 {
			login(t, b.dial(), connect(fmt.Sprint(i)))
		}
		first, second := newDevice(t, b.dial()), newDevice(t, b.dial())
		begin := time.Now()
		third := newDevice(t, b.dial())
		third.closed()
		if got := time.Since(begin); got != 0 {
			t.Errorf("the third stranger was refused after %s", got)
		}
		// One logs in, the other is sent away: two places for strangers again.
		first.send(connect("4"))
		first.expect(packets.Connack)
		second.conn.Close()
		synctest.Wait()
		pair := []*device{newDevice(t, b.dial()), newDevice(t, b.dial())}
		synctest.Wait()
		for i, d := range pair {
			d.send(connect(fmt.Sprint(5 + i)))
			d.expect(packets.Connack)
		}
		if got := b.Stats().Connections; got != 7 {
			t.Errorf("%d connected, want 7", got)
		}
	})
}

func TestAddress(t *testing.T) {
	for remote, want := range map[string]string{
		"10.1.2.3:4000":             "10.1.2.3",
		"[::ffff:10.1.2.3]:4000":    "10.1.2.3",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":         "fe80::/64",
		"pipe":                      "pipe",
	} {
		if got := address(fromAddr(remote)); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

type fromAddr string

func (a fromAddr) RemoteAddr() net.Addr { return remoteAddr(a) }

type remoteAddr string

func (remoteAddr) Network() string  { return "tcp" }
func (a remoteAddr) String() string { return string(a) }

// Strangers must not fill the disk by what the library logs: whole packets, per packet.
func TestLogIsBounded(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(o *Options) { o.Logger = logger })
		for range 500 {
			d := login(t, b.dial(), connect("one"))
			d.publish(1, "loaxa/v1/d/two/up/journal", strings.Repeat("x", 5000))
			d.closed()
		}
		b.stop()
	})
	if n := out.Len(); n > 10_000 {
		t.Errorf("%d bytes logged", n)
	}
}

// Settings that no device can observe, or only after a day.
func TestLibrarySettings(t *testing.T) {
	o := serverOptions(Limits{}.withDefaults(), newLimitedLog(slog.New(slog.DiscardHandler)))
	if o.Capabilities.MaximumClientWritesPending != 256 {
		t.Error("8192 places for writes are allocated for every connection")
	}
	if o.Capabilities.MaximumMessageExpiryInterval != 0 {
		t.Error("retained messages vanish")
	}
	if o.SysTopicResendInterval < 3600 {
		t.Error("memory figures are read every second")
	}
}
