package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"loaxa/internal/radio"
)

// Options of an Embedded broker.
type Options struct {
	// Listen is host:port; Listener, when set, is used instead and closed by Run.
	Listen   string
	Listener net.Listener
	// TLS must demand and verify a client certificate: its common name is the device.
	TLS *tls.Config
	// InsecureLoopback lets devices in without TLS, by user name = client id, on a
	// loopback address. For tests.
	InsecureLoopback bool
	Access           Access
	Ingest           Ingest
	Limits           Limits
	Logger           *slog.Logger
}

// Embedded is the broker inside the centre.
type Embedded struct {
	opts   Options
	log    *slog.Logger
	server *mochi.Server
	hook   *hook
	addr   atomic.Pointer[net.Addr]
	ready  chan struct{}
}

// NewEmbedded checks the options. Publish works from now on, so that retained
// messages are in place before Run lets the first device in.
func NewEmbedded(opts Options) (*Embedded, error) {
	var problems []error
	if opts.Listen == "" && opts.Listener == nil {
		problems = append(problems, errors.New("no address to listen on"))
	}
	if opts.Access == nil || opts.Ingest == nil {
		problems = append(problems, errors.New("access or ingest is missing"))
	}
	switch {
	case opts.TLS == nil && !opts.InsecureLoopback:
		problems = append(problems, errors.New("TLS is missing"))
	case opts.TLS != nil && opts.TLS.ClientAuth != tls.RequireAndVerifyClientCert:
		problems = append(problems, errors.New("TLS must demand and verify client certificates"))
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("%w: broker options: %w", radio.ErrInvalid, errors.Join(problems...))
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	opts.Limits = opts.Limits.withDefaults()
	b := &Embedded{opts: opts, log: opts.Logger.With("component", "broker"), ready: make(chan struct{})}
	said := newLimitedLog(b.log)
	b.server = mochi.New(serverOptions(opts.Limits, said))
	b.hook = newHook(b.server, opts, said)
	if err := b.server.AddHook(b.hook, nil); err != nil {
		return nil, fmt.Errorf("prepare broker: %w", err)
	}
	return b, nil
}

// serverOptions sets every default of the library that is wrong here; each line has
// its test in guards_test.go.
func serverOptions(l Limits, said *limitedLog) *mochi.Options {
	caps := mochi.NewDefaultServerCapabilities()
	caps.MaximumClients = int64(l.Connections)
	caps.MaximumMessageExpiryInterval = 0 // default: retained and queued messages vanish after 24 h
	caps.MaximumClientWritesPending = maxPending
	caps.MaximumPacketSize = MaxPacket // default: no limit
	caps.MaximumInflight = maxInFlight
	caps.MaximumQos = 1
	caps.SharedSubAvailable = 0
	return &mochi.Options{
		Capabilities: caps,
		Logger:       slog.New(libraryLog{said}),
		InlineClient: true,
		// Its $SYS topics stop the world to read memory figures, and nobody may read them.
		SysTopicResendInterval: int64(24 * time.Hour / time.Second),
	}
}

// Run listens until ctx ends, then closes every connection (without their wills:
// the centre knows that it stops, and after a start knows nobody connected). Call it
// once.
func (b *Embedded) Run(ctx context.Context) error {
	listener, err := b.listen(ctx)
	if err != nil {
		return err
	}
	addr := listener.Addr()
	b.addr.Store(&addr)
	b.hook.ctx = ctx
	door := newDoor(listener, b.opts.TLS, b.opts.Limits, b.hook.said)
	if err := b.server.AddListener(door); err != nil {
		return errors.Join(fmt.Errorf("start broker: %w", err), listener.Close())
	}
	if err := b.server.Serve(); err != nil {
		return errors.Join(fmt.Errorf("start broker: %w", err), b.close())
	}
	close(b.ready)
	b.log.Info("broker listens", "address", addr.String(), "tls", b.opts.TLS != nil)
	select {
	case <-ctx.Done():
		return b.close()
	case err := <-door.broken:
		return errors.Join(fmt.Errorf("accept devices: %w", err), b.close())
	}
}

func (b *Embedded) listen(ctx context.Context) (net.Listener, error) {
	listener := b.opts.Listener
	if listener == nil {
		var err error
		if listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", b.opts.Listen); err != nil {
			return nil, fmt.Errorf("broker: listen on %s: %w", b.opts.Listen, err)
		}
	}
	if b.opts.TLS == nil {
		if a, ok := listener.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
			err := fmt.Errorf("%w: broker without TLS listens on %s, not on loopback", radio.ErrInvalid, listener.Addr())
			return nil, errors.Join(err, listener.Close())
		}
	}
	return listener, nil
}

// close gives the library its time; a connection that does not end is reported.
func (b *Embedded) close() error {
	done := make(chan error, 1)
	go func() { done <- b.server.Close() }()
	timer := time.NewTimer(b.opts.Limits.CloseWithin)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("close broker: %w", err)
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("close broker: connections still busy after %s", b.opts.Limits.CloseWithin)
	}
}

// Ready is closed when devices can connect.
func (b *Embedded) Ready() <-chan struct{} { return b.ready }

// Addr is where Run listens; nil before.
func (b *Embedded) Addr() net.Addr {
	if a := b.addr.Load(); a != nil {
		return *a
	}
	return nil
}

// Publish sends a QoS 1 message to whoever subscribes to topic; nil means handed
// over. A device that was away gets what is not retained when it comes back, and
// what is retained when it subscribes. An empty retained message clears the topic.
//
// The window: the library queues without bound for 3.1.1 devices, in memory, and
// resends out of order. So a message for one device is ErrBusy while 16 before it
// have no PUBACK (the library's own list of them is what is counted, across
// reconnects), and nothing retained is ever queued for a device that is away: it
// subscribes anew when it comes back.
func (b *Embedded) Publish(ctx context.Context, topic string, payload []byte, retained bool) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if err := checkTopic(topic, payload); err != nil {
		return err
	}
	device := b.soleReceiver(topic)
	if device != nil {
		away := device.Closed()
		full := device.State.Inflight.Len() >= window
		if retained && (away || full) {
			b.retain(topic, payload)
		}
		if full && !(away && retained) {
			return fmt.Errorf("publish to %s: %w", device.ID, ErrBusy)
		}
		if away && retained {
			return nil
		}
	}
	if err := b.server.Publish(topic, payload, retained, 1); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// soleReceiver is the one session subscribed to topic; nil when there are none or
// several (an area's topic).
func (b *Embedded) soleReceiver(topic string) *mochi.Client {
	subscriptions := b.server.Topics.Subscribers(topic).Subscriptions
	if len(subscriptions) != 1 {
		return nil
	}
	for id := range subscriptions {
		if cl, ok := b.server.Clients.Get(id); ok && !cl.Net.Inline {
			return cl
		}
	}
	return nil
}

// retain stores a message for whoever subscribes later.
func (b *Embedded) retain(topic string, payload []byte) {
	b.server.Topics.RetainMessage(packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1, Retain: true},
		TopicName:   topic,
		Payload:     payload,
		Created:     time.Now().Unix(),
		Origin:      mochi.InlineClientId,
	})
}

// Connected says whether the device has a connection open.
func (b *Embedded) Connected(device string) bool {
	cl, ok := b.server.Clients.Get(device)
	return ok && !cl.Net.Inline && !cl.Closed()
}

// Disconnect ends the device's connection, if any; its will follows.
func (b *Embedded) Disconnect(device string) error {
	if cl, ok := b.server.Clients.Get(device); ok {
		if s, ok := cl.Net.Conn.(*session); ok {
			s.shut()
		}
	}
	return nil
}

// Stats reads the counters.
func (b *Embedded) Stats() Stats {
	info := b.server.Info
	return Stats{
		Connections: atomic.LoadInt64(&info.ClientsConnected),
		Received:    b.hook.received.Load(),
		Sent:        atomic.LoadInt64(&info.MessagesSent),
		Rejected:    b.hook.rejected.Load(),
		Denied:      b.hook.denied.Load(),
		Dropped:     atomic.LoadInt64(&info.MessagesDropped) + atomic.LoadInt64(&info.InflightDropped),
	}
}
