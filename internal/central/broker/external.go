package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"loaxa/internal/mqtt"
	"loaxa/internal/radio"
)

// ExternalOptions of an External broker.
type ExternalOptions struct {
	Servers  []string
	ClientID string
	Username string
	Password string
	TLS      *tls.Config
	// Filter of what devices send. With a shared subscription ($share/…) several
	// centres divide the messages between them.
	Filter string
	// Device finds the sender in a topic. The broker's access list guarantees that
	// only that device could publish there; signatures are verified all the same.
	Device func(topic string) (device string, ok bool)
	Ingest Ingest
	// Workers call Ingest at the same time, each for its own devices; 64 unless set.
	Workers int
	// RetryFrom and Jitter are as in mqtt.Options.
	RetryFrom, Jitter time.Duration
	// EvictEvery is the pause before a device is evicted again; 30 s unless set.
	EvictEvery time.Duration
	Logger     *slog.Logger
}

// retryUpTo bounds the wait before the next connection. The broker has one centre: until it
// is back no device hears of an alert.
const retryUpTo = 10 * time.Second

// External does through a standard MQTT 3.1.1 broker what Embedded does itself.
//
// A message is acknowledged to the broker after Ingest has committed it, in the order
// of arrival. When Ingest cannot take one, it stays unacknowledged and the connection
// is made anew, waiting longer each time it fails again: only then does a broker send
// a message again. What came after it may be taken before it. (Raise mosquitto's
// max_inflight_messages to 1000 and max_queued_messages to 200000.) Device and broker
// have settled their PUBACK before that, so nothing here replaces the journal's ack.
type External struct {
	opts   ExternalOptions
	said   *limitedLog
	client *mqtt.Client
	lanes  []chan *arrival
	order  chan *arrival
	evict  chan string

	received, sent, rejected, denied atomic.Int64
}

// arrival is a message on its way through Ingest.
type arrival struct {
	device  string
	message mqtt.Message
	done    chan struct{}
	err     error // readable after done
}

// inWork bounds the messages between the broker and Ingest.
const inWork = 1024

// NewExternal checks the options.
func NewExternal(opts ExternalOptions) (*External, error) {
	if opts.Filter == "" || opts.Device == nil || opts.Ingest == nil {
		return nil, fmt.Errorf("%w: external broker: filter, device or ingest is missing", radio.ErrInvalid)
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Workers <= 0 {
		opts.Workers = 64
	}
	if opts.EvictEvery <= 0 {
		opts.EvictEvery = 30 * time.Second
	}
	b := &External{
		opts: opts, said: newLimitedLog(opts.Logger.With("component", "broker")),
		lanes: make([]chan *arrival, opts.Workers), order: make(chan *arrival, inWork),
		evict: make(chan string, evictQueue),
	}
	for i := range b.lanes {
		b.lanes[i] = make(chan *arrival, inWork/opts.Workers+1)
	}
	client, err := mqtt.New(mqtt.Options{
		Servers: opts.Servers, ClientID: opts.ClientID,
		Username: opts.Username, Password: opts.Password, TLS: opts.TLS,
		Subscriptions: func() []string { return []string{opts.Filter} },
		Handle:        b.take,
		Queue:         inWork,
		RetryFrom:     opts.RetryFrom, RetryUpTo: retryUpTo, Jitter: opts.Jitter,
		Logger: opts.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("external broker: %w", err)
	}
	b.client = client
	return b, nil
}

// Run keeps the link to the broker until ctx ends. Call it once.
func (b *External) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, lane := range b.lanes {
		wg.Go(func() { b.work(ctx, lane) })
	}
	wg.Go(func() { b.acknowledge(ctx) })
	wg.Go(func() { b.evictions(ctx) })
	return b.client.Run(ctx)
}

// take runs for one message after the other and only deals them out: the messages of
// one device always to the same worker, so they stay in order.
func (b *External) take(ctx context.Context, m mqtt.Message) {
	device, ok := b.opts.Device(m.Topic)
	if !ok {
		b.denied.Add(1)
		b.said.warn("message from outside the devices' topics", "topic", clip(m.Topic))
		m.Ack()
		return
	}
	b.received.Add(1)
	a := &arrival{device: device, message: m, done: make(chan struct{})}
	for _, to := range []chan *arrival{b.order, b.lanes[lane(device, len(b.lanes))]} {
		select {
		case to <- a:
		case <-ctx.Done():
			return
		}
	}
}

func lane(device string, lanes int) int {
	h := fnv.New32a()
	h.Write([]byte(device)) // never fails
	return int(h.Sum32() % uint32(lanes))
}

func (b *External) work(ctx context.Context, lane <-chan *arrival) {
	for {
		select {
		case a := <-lane:
			a.err = b.opts.Ingest.Message(ctx, a.device, a.message.Topic, a.message.Payload)
			close(a.done)
		case <-ctx.Done():
			return
		}
	}
}

// acknowledge settles messages in the order of their arrival [MQTT-4.6.0-2].
func (b *External) acknowledge(ctx context.Context) {
	for {
		select {
		case a := <-b.order:
			select {
			case <-a.done:
			case <-ctx.Done():
				return
			}
			if a.err == nil {
				a.message.Ack()
				continue
			}
			b.rejected.Add(1)
			if errors.Is(a.err, context.Canceled) && ctx.Err() != nil {
				return
			}
			b.said.error("message not taken, the broker keeps it", "device", a.device, "topic", clip(a.message.Topic), "error", a.err)
			b.client.Reconnect()
		case <-ctx.Done():
			return
		}
	}
}

// Publish hands a QoS 1 message to the broker; nil means handed over. Without a
// connection it is an error of kind radio.ErrUnavailable.
func (b *External) Publish(ctx context.Context, topic string, payload []byte, retained bool) error {
	if err := checkTopic(topic, payload); err != nil {
		return err
	}
	if err := b.client.Publish(ctx, topic, payload, retained); err != nil {
		return err
	}
	b.sent.Add(1)
	return nil
}

// Connected cannot be known through another broker: it is true while the link to
// that broker is up, so that nothing is held back. Presence messages tell more.
func (b *External) Connected(string) bool { return b.client.Connected() }

// Disconnect ends the device's connection at the other broker, in the background and more
// than once: until that broker has read its lists of who may come in anew, the device can
// come back.
func (b *External) Disconnect(device string) error {
	select {
	case b.evict <- device:
		return nil
	default:
		return fmt.Errorf("%w: disconnect %s: too many at once", radio.ErrUnavailable, device)
	}
}

const (
	// evictQueue bounds the devices that wait to be evicted.
	evictQueue = 4096
	// evictRounds is how often a device is evicted in all.
	evictRounds = 4
)

// evictions does what Disconnect asks for.
func (b *External) evictions(ctx context.Context) {
	tick := time.NewTicker(b.opts.EvictEvery)
	defer tick.Stop()
	left := map[string]int{}
	do := func(device string) {
		if err := b.client.Evict(ctx, device); err != nil && ctx.Err() == nil {
			b.said.warn("device not disconnected", "device", device, "error", err)
		}
		if left[device]--; left[device] <= 0 {
			delete(left, device)
		}
	}
	for {
		select {
		case device := <-b.evict:
			left[device] = evictRounds
			do(device)
		case <-tick.C:
			for _, device := range slices.Sorted(maps.Keys(left)) {
				do(device)
			}
		case <-ctx.Done():
			return
		}
	}
}

// Stats reads the counters; Connections is 1 while the link is up.
func (b *External) Stats() Stats {
	s := Stats{
		Received: b.received.Load(), Sent: b.sent.Load(),
		Rejected: b.rejected.Load(), Denied: b.denied.Load(),
	}
	if b.client.Connected() {
		s.Connections = 1
	}
	return s
}
