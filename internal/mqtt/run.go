package mqtt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"loaxa/internal/radio"
)

// session is one connection.
type session struct {
	ctx  context.Context // ends with the connection
	paho paho.Client
	link *link
	lost chan error // the library has stopped all its goroutines
}

// Run keeps the client connected until ctx ends, then returns nil. Call it once.
func (c *Client) Run(ctx context.Context) error {
	var worker sync.WaitGroup
	worker.Go(func() { c.work(ctx) })
	defer worker.Wait()

	failures, said := 0, ""
	for c.pause(ctx, failures) {
		up, err := c.connection(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if up >= goodConnection {
			failures = 0
		}
		failures++
		if c.opts.Failed != nil {
			c.opts.Failed(err)
		}
		// A month offline must not fill the log: the same trouble is told once.
		if text := err.Error(); text != said || up > 0 {
			said = text
			c.log.Warn("connection to the broker ended or failed", "error", err, "lasted", up.Round(time.Millisecond))
		}
	}
	return nil
}

// pause waits before an attempt: the first one and the one after a good connection
// wait for the jitter only. It is false when ctx ends.
func (c *Client) pause(ctx context.Context, failures int) bool {
	timer := time.NewTimer(c.opts.waitBefore(failures, rand.Float64()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// waitBefore is the wait after so many failures in a row: RetryFrom, doubled each time up
// to RetryUpTo, plus a random part of min(Jitter, 2^n s).
func (o Options) waitBefore(failures int, random float64) time.Duration {
	var wait time.Duration
	if failures > 1 {
		wait = min(o.RetryFrom<<min(failures-2, 16), o.RetryUpTo)
	}
	spread := min(o.Jitter, time.Second<<min(failures, 6))
	return wait + time.Duration(random*float64(spread))
}

// work hands messages to the handler, one at a time.
func (c *Client) work(ctx context.Context) {
	for {
		select {
		case m := <-c.queue:
			c.opts.Handle(ctx, m)
		case <-ctx.Done():
			return
		}
	}
}

// connection makes one connection and stays until it is over; up is how long it
// could be used.
func (c *Client) connection(parent context.Context) (up time.Duration, err error) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	select {
	// A wish from before is fulfilled by this connection. Not so one that arises while
	// it is being made: messages arrive from CONNACK on.
	case <-c.reconnect:
	default:
	}
	s, err := c.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer s.end(cancel, &err)
	if err := c.subscribe(s); err != nil {
		return 0, err
	}
	c.live.Store(s)
	defer c.live.Store(nil)
	start := time.Now()
	c.log.Info("connected to the broker")

	var hello sync.WaitGroup
	if c.opts.OnConnect != nil {
		hello.Go(func() { c.opts.OnConnect(ctx) })
	}
	err = c.watch(s)
	cancel()
	hello.Wait()
	return time.Since(start), err
}

// connect makes a library client and connects it. When it returns without error,
// everything left unacknowledged has been sent again.
func (c *Client) connect(ctx context.Context) (*session, error) {
	s := &session{ctx: ctx, lost: make(chan error, 1)}
	s.paho = paho.NewClient(c.libraryOptions(s))
	token := s.paho.Connect()
	<-token.Done()
	if err := token.Error(); err != nil {
		if turnedAway(err) {
			err = fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return nil, fmt.Errorf("connect to broker: %w", err)
	}
	if n := c.unacked.renew(time.Now()); n > 0 {
		c.log.Error("publishes given up: never acknowledged", "count", n, "connections", maxConnectionsPerPublish)
	}
	return s, nil
}

// ErrRefused: the broker was reached, and turned this client away by its certificate or its
// name. Anybody on the way can feign that: it is a reason to ask the centre, no more.
var ErrRefused = fmt.Errorf("%w: refused by the broker", radio.ErrForbidden)

func turnedAway(err error) bool {
	for _, no := range []error{packets.ErrorRefusedNotAuthorised, packets.ErrorRefusedBadUsernameOrPassword, packets.ErrorRefusedIDRejected} {
		if errors.Is(err, no) {
			return true
		}
	}
	var alert *net.OpError
	return errors.As(err, &alert) && alert.Op == "remote error" // crypto/tls: the other side refuses the certificate
}

// libraryOptions are those measured to be right for unattended devices.
func (c *Client) libraryOptions(s *session) *paho.ClientOptions {
	o := paho.NewClientOptions().
		SetProtocolVersion(4). // 3.1.1; no silent fallback to 3.1
		SetClientID(c.opts.ClientID).
		SetUsername(c.opts.Username).
		SetPassword(c.opts.Password).
		SetCleanSession(false).
		SetKeepAlive(c.opts.KeepAlive).
		SetPingTimeout(pingTimeout).
		SetWriteTimeout(writeTimeout).
		SetConnectTimeout(connectTimeout).
		SetConnectRetry(false).
		SetAutoReconnect(false).
		SetOrderMatters(true).
		SetAutoAckDisabled(true).
		SetResumeSubs(false).
		SetMaxResumePubInFlight(window).
		SetStore(c.unacked).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { c.enqueue(s, m) }).
		SetConnectionLostHandler(func(_ paho.Client, err error) { s.lost <- err }).
		SetCustomOpenConnectionFn(func(u *url.URL, _ paho.ClientOptions) (net.Conn, error) { return c.open(s, u) })
	o.Servers = c.servers
	if c.opts.Will != nil {
		topic, payload := c.opts.Will()
		o.SetBinaryWill(topic, payload, 1, true)
	}
	return o
}

// open dials for the library.
func (c *Client) open(s *session, u *url.URL) (net.Conn, error) {
	l, err := c.dial(s.ctx, u)
	if err != nil {
		return nil, err
	}
	s.link = l
	context.AfterFunc(s.ctx, l.drop) // also ends the MQTT handshake; runs at the latest with the connection's cancel
	return l, nil
}

// enqueue runs on the library's reading goroutine: it may wait, but only for room.
func (c *Client) enqueue(s *session, m paho.Message) {
	select {
	case c.queue <- Message{Topic: m.Topic(), Payload: m.Payload(), Retained: m.Retained(), Ack: m.Ack}:
	case <-s.ctx.Done(): // not acknowledged, so it comes again
	}
}

// subscribe asks for the filters one after the other, in their order, because what is
// retained then arrives in that order.
func (c *Client) subscribe(s *session) error {
	if c.opts.Subscriptions == nil {
		return nil
	}
	filters := c.opts.Subscriptions()
	refused := 0
	for _, filter := range filters {
		token := s.paho.Subscribe(filter, 1, nil)
		if !token.WaitTimeout(connectTimeout) {
			return fmt.Errorf("subscribe to %s: no answer in %s", filter, connectTimeout)
		}
		if err := token.Error(); err != nil {
			return fmt.Errorf("subscribe to %s: %w", filter, err)
		}
		for _, code := range token.(*paho.SubscribeToken).Result() { // one: for one filter
			if code > 2 { // 0x80: failure (MQTT 3.1.1 §3.9.3)
				refused++
				c.log.Warn("broker refuses a subscription", "filter", filter)
			}
		}
	}
	if refused > 0 && refused == len(filters) {
		return errors.New("broker refuses all subscriptions")
	}
	return nil
}

// watch stays until the connection must be replaced or ctx ends.
func (c *Client) watch(s *session) error {
	patience := 3 * c.opts.KeepAlive
	tick := time.NewTicker(c.opts.KeepAlive / 3)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return s.ctx.Err()
		case err := <-s.lost:
			s.lost <- err // end waits for it too
			return fmt.Errorf("connection lost: %w", err)
		case <-c.reconnect:
			return errors.New("a new connection was asked for")
		case now := <-tick.C:
			if since, any := c.unacked.oldest(); any && now.Sub(since) > patience {
				return fmt.Errorf("broker acknowledges nothing for %s", patience)
			}
			if silent := s.link.silence(now); silent > patience {
				return fmt.Errorf("broker silent for %s", silent.Round(time.Second))
			}
		}
	}
}

// publish gives one message to the library; false means it did not take it.
func (s *session) publish(topic string, payload []byte, retained bool) bool {
	token := s.paho.Publish(topic, 1, retained, payload)
	// It has an id exactly if it is in the store; from then on it will be sent, if
	// not on this connection then on the next, whatever the token says.
	return token.(*paho.PublishToken).MessageID() != 0
}

// end gives the connection up and waits until the library has stopped its goroutines.
func (s *session) end(cancel context.CancelFunc, err *error) {
	cancel()
	s.link.drop()
	select {
	case <-s.lost:
	case <-time.After(writeTimeout + time.Second):
		*err = errors.Join(*err, errors.New("mqtt library did not stop"))
	}
}
