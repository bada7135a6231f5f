// Package broker is how the centre talks MQTT with its devices, and the sole door to
// the embedded broker's library. What devices send goes to ingest, synchronously, so
// that a device gets its PUBACK after the commit; what dispatch publishes goes to the
// devices. Who may do what it asks of Access, whose implementor matches topics level
// by level with wire's functions; this package knows no topic.
//
// Embedded runs the broker in this process, in memory: the database is the only
// durable state, retained messages are put back by the caller before Run. External
// does the same through a standard broker. Both keep no promise of delivery beyond
// MQTT's: every message that matters is answered by its receiver (design §7).
package broker

import (
	"context"
	"fmt"
	"time"

	"loaxa/internal/mqtt"
	"loaxa/internal/radio"
)

// Access answers what a device may do. Embedded asks it at login, at every
// subscription and for every single delivery, so it must answer from memory.
type Access interface {
	// Allowed: the device is enrolled and not revoked.
	Allowed(device string) bool
	// MayPublish: topic is the device's own, upwards. Also asked about its will.
	MayPublish(device, topic string) bool
	// MaySubscribe: everything the filter can match is meant for the device. A filter
	// may hold wildcards; a plain topic (asked at delivery) is a filter of itself.
	MaySubscribe(device, filter string) bool
}

// Ingest takes what devices send.
type Ingest interface {
	// Message returns nil once the message's effect is committed, or when it can
	// never have one (then it is quarantined): the device may forget it. An error
	// means not now: the device keeps it and sends it again. Calls come from many
	// goroutines; those for one connection come one at a time, in order. Also called
	// for the will of a device that vanished. payload may be kept.
	Message(ctx context.Context, device, topic string, payload []byte) error
}

// ErrBusy: the device has not acknowledged what it was sent; say it again later. A
// retained message has been stored all the same.
var ErrBusy = fmt.Errorf("%w: the device acknowledges nothing", radio.ErrUnavailable)

// Limits guard the embedded broker; zero values become the defaults below.
type Limits struct {
	// Connections that may be open at once, and of them those of one address that have
	// not logged in: whoever holds no certificate must not take all places. Devices that
	// have may share an address, as they do behind a mobile operator.
	Connections, Strangers int
	// ConnectWithin is how long a stranger may take for TLS and CONNECT.
	ConnectWithin time.Duration
	// WriteWithin is how long one write may take. It bounds how long one stalled
	// device can hold up a message for all others.
	WriteWithin time.Duration
	// KeepAlive replaces a device's keep-alive of 0 (never check) or above it.
	KeepAlive time.Duration
	// Rate and Burst of packets per second and connection. What comes above it is not
	// read until its turn, and so neither acknowledged nor lost: the device keeps it, and
	// its connection waits.
	Rate, Burst int
	// CloseWithin is how long Run waits for connections to end.
	CloseWithin time.Duration
}

func (l Limits) withDefaults() Limits {
	def := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.ConnectWithin, 10*time.Second)
	def(&l.WriteWithin, 2*time.Second)
	def(&l.KeepAlive, 120*time.Second)
	def(&l.CloseWithin, 5*time.Second)
	if l.Connections <= 0 {
		l.Connections = 10_000
	}
	if l.Strangers <= 0 {
		l.Strangers = max(1, l.Connections/4)
	}
	if l.Rate <= 0 {
		l.Rate = 100
	}
	if l.Burst <= 0 {
		l.Burst = 2 * l.Rate
	}
	return l
}

// What holds whatever the configuration says.
const (
	// MaxPacket is the largest packet accepted and sent; voice, the largest message,
	// is 128 KiB (design §7).
	MaxPacket = mqtt.MaxPacket
	// window is how many messages of its own topics a device may leave
	// unacknowledged, connected or away, before Publish gives ErrBusy.
	window = 16
	// maxInFlight is the library's hard bound: the window, a few messages for areas,
	// and what is retained.
	maxInFlight = 64
	// maxPending bounds a connection's queue of writes; its 8 bytes a place are
	// allocated for every connection.
	maxPending = 256
	// maxSubscriptions of one device; it needs its own branch and its areas.
	maxSubscriptions = 32
)

// Stats are counters since the start, and one level.
type Stats struct {
	Connections int64 // open now
	Received    int64 // messages from devices
	Sent        int64 // messages to devices
	Rejected    int64 // messages ingest could not take: no PUBACK
	Denied      int64 // logins, topics and filters refused
	Dropped     int64 // messages that found a device's queue full
}

// checkTopic refuses what must not be published.
func checkTopic(topic string, payload []byte) error {
	if topic == "" || len(topic) > 512 {
		return fmt.Errorf("%w: topic of %d bytes", radio.ErrInvalid, len(topic))
	}
	for _, r := range topic {
		if r == '+' || r == '#' || r == 0 {
			return fmt.Errorf("%w: topic %q holds a wildcard", radio.ErrInvalid, topic)
		}
	}
	if n := len(topic) + len(payload) + 16; n > MaxPacket {
		return fmt.Errorf("%w: message of %d bytes, at most %d", radio.ErrInvalid, n, MaxPacket)
	}
	return nil
}
