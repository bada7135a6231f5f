// Package link is the device's conversation with the centre: presence, hello and
// welcome, the journal's batches, receipts at once, the report of what it runs on. It hands every
// message from the centre to inbox, takes records from journal, and leaves the
// connection itself to mqtt. Nothing waits for it: a device without a network goes on
// for weeks, and only the centre's acknowledgement removes a record (design §7).
package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"loaxa/internal/clock"
	"loaxa/internal/mqtt"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Journal keeps the records to send.
type Journal interface {
	Batch(max int) (wire.JournalPayload, bool, error)
	Ack(ctx context.Context, journal radio.JournalID, upto uint64, rejected []wire.Rejected) error
	Rewind(ctx context.Context, journal radio.JournalID, upto uint64) error
	Renew(ctx context.Context, why string) error
	// Compare says whether the journal is at seq what the centre says it has there.
	Compare(ctx context.Context, journal radio.JournalID, seq uint64, hash trust.Hash) (same bool, err error)
	Status() radio.JournalStatus
	Oldest() uint64
	// Wake is signalled when there may be something new to send.
	Wake() <-chan struct{}
	NextConnection(ctx context.Context) (uint64, error)
}

// Inbox makes messages safe and knows what is active.
type Inbox interface {
	// Take deals with a message; an error that is none of radio's kinds means that
	// it should be tried again.
	Take(ctx context.Context, topic string, data []byte) error
	Settings() radio.Settings
	// Areas is the device's place, root first; after Changed it may be another.
	Areas() []radio.AreaID
	Revisions() radio.RevisionStatus
	Endpoints() trust.Endpoints
	Changed() <-chan struct{}
}

// Clock stamps what is said and learns from the centre.
type Clock interface {
	Now() time.Time
	Mono() time.Duration
	State() clock.Reading
	// FromCentre takes the time that the key kid has signed.
	FromCentre(centre time.Time, kid string, sent, got time.Duration) error
}

// Client is one way to a broker; *mqtt.Client.
type Client interface {
	Run(ctx context.Context) error
	Publish(ctx context.Context, topic string, payload []byte, retained bool) error
}

// Options of a Link.
type Options struct {
	Device  radio.DeviceID
	Key     trust.Key // the device's own
	Version string
	// Machine is what every hello calls the board; "" for one without a name.
	Machine string
	// TLS gives the settings for these hosts: own certificate, pinned CA.
	TLS     func(hosts []string) *tls.Config
	Journal Journal
	Inbox   Inbox
	Clock   Clock
	// Status gives what goes up as reported.
	Status func() radio.Status
	// Receipts of alerts and Commands, those of commands, are said at once; nil: there
	// are none.
	Receipts, Commands Receipts
	// Lacks lists the voices of alerts that every hello asks for; nil: none.
	Lacks func() []radio.SHA256
	// Dial makes the client; nil means mqtt.New.
	Dial func(mqtt.Options) (Client, error)
	Log  *slog.Logger
}

const (
	// waiting messages may be 256 KiB each, and a hostile broker sends such. Beyond, the
	// connection itself waits.
	waiting     = 32
	resendAfter = 30 * time.Second
	// sentInVain times, a batch may be one the centre cannot join on: it was restored
	// from an older copy behind an external broker, and no connection broke. Its answer
	// then names less than is acknowledged; only welcome takes that back.
	sentInVain   = 3
	helloAgain   = time.Minute   // without a welcome
	helloRenewed = 6 * time.Hour // to see that all is still in step, and to learn the time
	reportEach   = 15 * time.Minute
	reportPause  = 2 * time.Second
	sayWithin    = 30 * time.Second
	receiptAgain = 2 * time.Second
	byeWithin    = time.Second
	byeDrains    = 100 * time.Millisecond
	noBrokerWait = time.Minute
)

// Link keeps the conversation up for as long as Run runs.
type Link struct {
	opts Options
	log  *slog.Logger
	// What wakes the sender: a connection is there, or the journal was rewound.
	kick, rewound chan struct{}
	touch         chan struct{} // the reporter: something changed
	ask           chan struct{} // the connection: hello is wanted before its time
	receipts      chan struct{} // the receipts: a connection is there
	anew          chan struct{} // the connection: another one is wanted

	mu     sync.Mutex
	status radio.LinkStatus
	hello  said
	// behind: the centre holds more of the journal than there is here. What it has not is
	// sent first, then hello is said again and a new journal begins.
	behind bool
}

// said is the hello that waits for its welcome.
type said struct {
	nonce    string
	at       time.Duration // Mono
	welcomed chan struct{}
}

// New only stores and checks.
func New(opts Options) (*Link, error) {
	switch {
	case !radio.ValidID(opts.Device) || opts.Key.KID() == "":
		return nil, fmt.Errorf("%w: link needs the device and its key", radio.ErrInvalid)
	case opts.Journal == nil || opts.Inbox == nil || opts.Clock == nil || opts.Status == nil || opts.TLS == nil:
		return nil, fmt.Errorf("%w: link lacks a neighbour", radio.ErrInvalid)
	}
	if opts.Dial == nil {
		opts.Dial = func(o mqtt.Options) (Client, error) { return mqtt.New(o) }
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Link{opts: opts, log: opts.Log.With("component", "link"),
		kick: make(chan struct{}, 1), rewound: make(chan struct{}, 1), touch: make(chan struct{}, 1), ask: make(chan struct{}, 1),
		receipts: make(chan struct{}, 1), anew: make(chan struct{}, 1)}, nil
}

// Status of the connection.
func (l *Link) Status() radio.LinkStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// Touch says that what the device runs on has changed: it is reported soon.
func (l *Link) Touch() { signal(l.touch) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // already signalled
	}
}

// Ask says hello before its time: there is something to ask the centre for.
func (l *Link) Ask() { signal(l.ask) }

// Anew makes another connection: the device has another certificate.
func (l *Link) Anew() { signal(l.anew) }

// Run talks until ctx ends. When the keyring names other brokers it goes there.
func (l *Link) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		changed := l.opts.Inbox.Changed()
		brokers := l.brokers()
		err := l.serve(ctx, brokers)
		if err == nil || ctx.Err() != nil {
			continue
		}
		l.log.Error("no way to the centre", "brokers", brokers, "error", err)
		l.note(func(s *radio.LinkStatus) { s.Error = err.Error() })
		timer := time.NewTimer(noBrokerWait)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// brokers are those the keyring names.
func (l *Link) brokers() []string { return l.opts.Inbox.Endpoints().Brokers }

func (l *Link) note(change func(*radio.LinkStatus)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.status)
}

// errMoved ends serve when the keyring names other brokers, or another connection to the
// same is wanted.
var errMoved = errors.New("the brokers changed")

// serve uses one set of brokers until ctx ends or they change.
func (l *Link) serve(ctx context.Context, brokers []string) error {
	areas := l.opts.Inbox.Areas() // before the connection, which asks again
	client, err := l.dial(brokers)
	if err != nil {
		return err
	}
	l.note(func(s *radio.LinkStatus) { s.Broker, s.Error = strings.Join(brokers, " "), "" })
	// The connection outlives ctx by the time to say goodbye.
	alive, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	var runs errgroup.Group
	g, gctx := errgroup.WithContext(ctx)
	runs.Go(func() error { return client.Run(alive) })
	g.Go(func() error { return l.send(gctx, client) })
	g.Go(func() error { return l.report(gctx, client) })
	g.Go(func() error { return l.tellReceipts(gctx, client) })
	g.Go(func() error { return l.follow(gctx, brokers, areas) })
	err = g.Wait()
	l.bye(alive, client)
	hangUp()
	if errors.Is(err, errMoved) {
		err = nil
	}
	return errors.Join(err, runs.Wait())
}

// follow watches for other brokers, and for another place: its alerts are subscribed with
// a new connection.
func (l *Link) follow(ctx context.Context, brokers []string, areas []radio.AreaID) error {
	for {
		changed := l.opts.Inbox.Changed()
		if !slices.Equal(l.brokers(), brokers) || !slices.Equal(l.opts.Inbox.Areas(), areas) {
			return errMoved
		}
		l.Touch() // other revisions are news for the report
		select {
		case <-ctx.Done():
			return nil
		case <-l.anew:
			return errMoved
		case <-changed:
		}
	}
}

func (l *Link) dial(brokers []string) (Client, error) {
	var hosts []string
	for _, b := range brokers {
		if u, err := url.Parse(b); err == nil && u.Hostname() != "" {
			hosts = append(hosts, u.Hostname())
		}
	}
	var client Client
	client, err := l.opts.Dial(mqtt.Options{
		Servers: brokers, ClientID: string(l.opts.Device), TLS: l.opts.TLS(hosts),
		Subscriptions: func() []string { return wire.Subscriptions(l.opts.Device, l.opts.Inbox.Areas()) },
		Will:          l.will,
		OnConnect:     func(ctx context.Context) { l.connected(ctx, client) },
		Handle:        l.handle,
		Failed:        l.failed,
		Queue:         waiting,
		// A province does not come back in one second after a power cut.
		Jitter: min(l.jitter(), time.Minute),
		Logger: l.opts.Log,
	})
	return client, err
}

// failed notes why there is no connection, in words for who stands before the device.
func (l *Link) failed(err error) {
	text := err.Error()
	switch {
	case errors.Is(err, mqtt.ErrRefused):
		text = "máy chủ từ chối danh tính của thiết bị này / the broker refuses this device's identity: " + text
	case errors.Is(err, trust.ErrPeer):
		text = "chứng thư của máy chủ không phải của tỉnh, không kết nối / the broker's certificate is not the province's, not connected: " + text
	}
	l.note(func(s *radio.LinkStatus) { s.Error, s.Refused = text, errors.Is(err, mqtt.ErrRefused) })
}

func (l *Link) jitter() time.Duration {
	return time.Duration(l.opts.Inbox.Settings().JitterMS) * time.Millisecond
}

// handle takes one message, and acknowledges it to the broker when its effect is on
// disk or it was refused for good.
func (l *Link) handle(ctx context.Context, m mqtt.Message) {
	for _, pause := range []time.Duration{time.Second, 5 * time.Second, 0} {
		err := l.opts.Inbox.Take(ctx, m.Topic, m.Payload)
		if err == nil || refused(err) {
			m.Ack()
			return
		}
		l.log.Error("message not taken", "topic", m.Topic, "error", err)
		if pause == 0 {
			return // not acknowledged, it comes again with the next connection
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func refused(err error) bool {
	return errors.Is(err, radio.ErrInvalid) || errors.Is(err, radio.ErrForbidden) ||
		errors.Is(err, radio.ErrConflict) || errors.Is(err, radio.ErrNotFound)
}

// say signs a payload and hands it to the connection.
func (l *Link) say(ctx context.Context, client Client, kind wire.Kind, payload any) error {
	b, err := wire.Seal(kind, string(l.opts.Device), payload, l.opts.Key)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sayWithin)
	defer cancel()
	return client.Publish(ctx, wire.UpTopic(l.opts.Device, kind), b, kind.Retained())
}
