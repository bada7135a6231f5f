// Package mqtt is the one door to the MQTT client library: an agent's link to its
// broker, and the centre's link to an external one (central/broker). It receives
// topics and payloads that wire has built and hands on what arrives, in order, on
// one goroutine; it knows neither topics nor payloads.
//
// The library's own reconnecting is not used: it sleeps up to a minute in a way
// nothing can interrupt, so Run could not end with its ctx, and its advice after a
// hang is a new client anyway. Run therefore makes a new library client for every
// connection, with the backoff and jitter of its own, and carries over what was
// published and never acknowledged.
package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"loaxa/internal/radio"
)

// What holds for every connection; measured choices (design §7).
const (
	// MaxPacket is the largest packet either side accepts (the broker's own cap).
	MaxPacket = 256 << 10

	defaultKeepAlive = 45 * time.Second
	pingTimeout      = 10 * time.Second
	writeTimeout     = 10 * time.Second
	connectTimeout   = 15 * time.Second
	maxWait          = 60 * time.Second
	// A connection that lasted this long was a good one: waiting starts anew.
	goodConnection = 30 * time.Second
	// window is how many publishes may wait for their PUBACK.
	window = 16
	// A publish that got no PUBACK on this many connections is given up: perhaps it
	// is what makes the broker hang up (a topic it forbids). Journal records are
	// sent again by their owner, everything else is said anew at each connect.
	maxConnectionsPerPublish = 5
	defaultQueue             = 256
)

// ErrOffline: there is no connection at this moment.
var ErrOffline = fmt.Errorf("%w: no connection to the broker", radio.ErrUnavailable)

// Message is one that has arrived.
type Message struct {
	Topic    string
	Payload  []byte
	Retained bool
	// Ack tells the broker that it need not send the message again; call it after
	// what it caused is on disk. Not called, the message comes again at the next
	// connection. Too late (the connection is gone), it is lost and the message
	// comes again: handlers are idempotent.
	Ack func()
}

// Options of a Client.
type Options struct {
	// Servers are tried in this order: mqtts://host:port, or mqtt://host:port on
	// this very machine only.
	Servers  []string
	ClientID string
	Username string
	Password string
	// TLS with the client's certificate; needed for mqtts.
	TLS *tls.Config
	// Subscriptions (QoS 1) are asked for and subscribed in their order at every
	// connect. A filter the broker refuses is logged; all refused ends the connection.
	Subscriptions func() []string
	// Will is asked for before every attempt to connect, for it carries the
	// connection's number; it is sent retained, QoS 1. nil means no will.
	Will func() (topic string, payload []byte)
	// OnConnect runs once per connection, after the broker has acknowledged the
	// subscriptions; ctx ends with the connection.
	OnConnect func(ctx context.Context)
	// Failed is told why there is no connection, once it ended or could not be made; nil:
	// nobody is. ErrRefused among the reasons says that the broker knows this client and
	// turns it away.
	Failed func(err error)
	// Handle takes every message, one at a time, in order. While it works up to
	// Queue further ones wait; then the connection itself waits.
	Handle func(ctx context.Context, m Message)
	Queue  int
	// KeepAlive is 45 s unless set. A connection that yields nothing for three of
	// them, or acknowledges nothing, is replaced.
	KeepAlive time.Duration
	// Jitter bounds the random pause before every attempt, so that a province does
	// not come back in one second after a power cut; 0 means none (demo, tests).
	Jitter time.Duration
	// RetryFrom is the first wait after a failure, doubled up to RetryUpTo; 1 s and 60 s
	// unless set.
	RetryFrom, RetryUpTo time.Duration
	Logger               *slog.Logger
}

// Client keeps one connection to a broker up for as long as Run runs.
type Client struct {
	opts      Options
	servers   []*url.URL
	log       *slog.Logger
	unacked   *unacked
	queue     chan Message
	reconnect chan struct{}
	// dialNetwork opens the network connection; tests put a pipe there.
	dialNetwork func(ctx context.Context, network, address string) (net.Conn, error)
	live        atomic.Pointer[session]
}

// New checks the options; nothing is opened before Run.
func New(opts Options) (*Client, error) {
	var problems []error
	if opts.ClientID == "" {
		problems = append(problems, errors.New("client id is missing"))
	}
	if opts.Handle == nil {
		problems = append(problems, errors.New("handler is missing"))
	}
	if len(opts.Servers) == 0 {
		problems = append(problems, errors.New("no broker is named"))
	}
	if opts.KeepAlive != 0 && opts.KeepAlive < time.Second {
		problems = append(problems, errors.New("keep-alive is under one second"))
	}
	c := &Client{opts: opts, log: opts.Logger, reconnect: make(chan struct{}, 1), dialNetwork: (&net.Dialer{}).DialContext}
	for _, s := range opts.Servers {
		u, err := checkServer(s, opts.TLS)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		c.servers = append(c.servers, u)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("%w: mqtt options: %w", radio.ErrInvalid, errors.Join(problems...))
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.log = c.log.With("component", "mqtt", "client", opts.ClientID)
	if c.opts.Queue <= 0 {
		c.opts.Queue = defaultQueue
	}
	if c.opts.KeepAlive <= 0 {
		c.opts.KeepAlive = defaultKeepAlive
	}
	if c.opts.RetryFrom <= 0 {
		c.opts.RetryFrom = time.Second
	}
	if c.opts.RetryUpTo <= 0 {
		c.opts.RetryUpTo = maxWait
	}
	c.queue = make(chan Message, c.opts.Queue)
	c.unacked = newUnacked(window)
	return c, nil
}

func checkServer(s string, conf *tls.Config) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("broker address: %w", err)
	}
	if u.Port() == "" || u.Hostname() == "" {
		return nil, fmt.Errorf("broker address %q: want mqtts://host:port", s)
	}
	switch u.Scheme {
	case "mqtts":
		if conf == nil {
			return nil, fmt.Errorf("broker address %q: mqtts needs TLS settings", s)
		}
	case "mqtt":
		// Design §8: links between machines are mTLS; plain MQTT never leaves the host.
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, fmt.Errorf("broker address %q: mqtt without TLS is for this machine only, use mqtts", s)
		}
	default:
		return nil, fmt.Errorf("broker address %q: want mqtts://host:port", s)
	}
	return u, nil
}

// Connected says whether a connection is open now, subscriptions acknowledged.
func (c *Client) Connected() bool {
	s := c.live.Load()
	return s != nil && s.paho.IsConnectionOpen()
}

// Reconnect drops the present connection, if any; Run makes a new one. The broker
// then sends again whatever was not acknowledged.
func (c *Client) Reconnect() {
	select {
	case c.reconnect <- struct{}{}:
	default: // one is already asked for
	}
}

// Publish hands a QoS 1 message over for sending. nil means handed over, NOT
// delivered: the library reports success also for a message whose PUBACK never came
// because the connection broke. What must not be lost needs an answer of its own from
// the other side (the journal's ack, a receipt). While the connection lasts, and on
// the next ones, the message is sent until the broker acknowledges it. At most 16 wait for that;
// the next Publish waits for ctx. Without a connection it is ErrOffline at once. The
// payload must not be changed afterwards.
func (c *Client) Publish(ctx context.Context, topic string, payload []byte, retained bool) error {
	if len(topic)+len(payload)+16 > MaxPacket {
		// The broker would hang up on it, again on every connection.
		return fmt.Errorf("%w: publish of %d bytes, at most %d", radio.ErrInvalid, len(payload), MaxPacket)
	}
	s := c.live.Load()
	if s == nil {
		return ErrOffline
	}
	select {
	case c.unacked.slots <- struct{}{}:
	case <-s.ctx.Done():
		return ErrOffline
	case <-ctx.Done():
		return fmt.Errorf("publish: wait for a place among %d: %w", window, ctx.Err())
	}
	if !s.publish(topic, payload, retained) {
		<-c.unacked.slots
		return ErrOffline
	}
	return nil
}
