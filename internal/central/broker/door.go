package broker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
	"golang.org/x/time/rate"
)

// door lets devices in: the library's listener, with the bounds it lacks. It ends its
// own connections on Close, because the library's way there takes a read lock twice
// and can stand still.
type door struct {
	listener net.Listener
	tls      *tls.Config
	limits   Limits
	said     *limitedLog
	broken   chan error // the listener ended by itself

	mu        sync.Mutex
	closed    bool
	open      map[*session]struct{}
	strangers map[string]int // by address: who has not logged in
	wg        sync.WaitGroup
	stop      chan struct{}
}

func newDoor(l net.Listener, conf *tls.Config, limits Limits, said *limitedLog) *door {
	return &door{
		listener: l, tls: conf, limits: limits, said: said,
		broken: make(chan error, 1), open: map[*session]struct{}{}, strangers: map[string]int{}, stop: make(chan struct{}),
	}
}

// Init, ID, Address, Protocol, Serve and Close are the library's listeners.Listener.

func (d *door) Init(*slog.Logger) error { return nil }
func (d *door) ID() string              { return "devices" }
func (d *door) Address() string         { return d.listener.Addr().String() }
func (d *door) Protocol() string        { return "tcp" }

// Serve accepts until Close. Running out of file descriptors is not the end of the
// broker: it waits and goes on.
func (d *door) Serve(establish listeners.EstablishFn) {
	if !d.enter() {
		return
	}
	defer d.wg.Done()
	for {
		conn, err := d.listener.Accept()
		switch {
		case err == nil:
			d.admit(conn, establish)
		case errors.Is(err, net.ErrClosed):
			d.broken <- err // read only if nobody asked for the end
			return
		default:
			d.said.warn("cannot accept a connection", "error", err)
			select {
			case <-time.After(time.Second):
			case <-d.stop:
				return
			}
		}
	}
}

// enter adds one to the goroutines Close waits for, unless it has begun.
func (d *door) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.wg.Add(1)
	return true
}

// admit starts the library on a connection, or closes it when there are too many.
func (d *door) admit(conn net.Conn, establish listeners.EstablishFn) {
	s := newSession(conn, d.tls, d.limits)
	from := address(conn)
	d.mu.Lock()
	full, crowd := len(d.open) >= d.limits.Connections, d.strangers[from] >= d.limits.Strangers
	if d.closed || full || crowd {
		closed := d.closed
		d.mu.Unlock()
		s.shut()
		switch {
		case closed:
		case full:
			d.said.warn("too many connections, one refused", "remote", conn.RemoteAddr(), "limit", d.limits.Connections)
		default:
			d.said.warn("too many connections of one address without a log-in, one refused", "remote", conn.RemoteAddr(), "limit", d.limits.Strangers)
		}
		return
	}
	d.open[s] = struct{}{}
	d.strangers[from]++
	s.welcome = sync.OnceFunc(func() { d.known(from) })
	d.wg.Add(1)
	d.mu.Unlock()
	go func() {
		defer d.wg.Done()
		defer d.leave(s)
		// The library's parser reads what strangers send; its panic must cost one
		// connection, not the centre.
		defer func() {
			if p := recover(); p != nil {
				d.said.error("connection ended by a panic", "device", s.device(), "panic", p, "stack", string(debug.Stack()))
			}
		}()
		if err := establish(d.ID(), s); err != nil {
			d.said.debug("connection ended", "device", s.device(), "remote", conn.RemoteAddr(), "error", err)
		}
	}()
}

// known takes one off the strangers of an address.
func (d *door) known(from string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.strangers[from]--; d.strangers[from] <= 0 {
		delete(d.strangers, from)
	}
}

// address is whose connection it is: the host, and of IPv6 the network of one customer,
// who has 2^64 addresses.
func address(conn interface{ RemoteAddr() net.Addr }) string {
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return conn.RemoteAddr().String()
	}
	host := at.Addr().Unmap()
	if host.Is6() {
		return netip.PrefixFrom(host.WithZone(""), 64).Masked().String()
	}
	return host.String()
}

func (d *door) leave(s *session) {
	s.shut()
	s.welcome()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, s)
}

// Close ends accepting and every connection, and waits for their goroutines. The
// library's own way of closing clients is not used.
func (d *door) Close(listeners.CloseFn) {
	d.mu.Lock()
	first := !d.closed
	d.closed = true
	open := make([]*session, 0, len(d.open))
	for s := range d.open {
		open = append(open, s)
	}
	d.mu.Unlock()
	if first {
		close(d.stop)
		if err := d.listener.Close(); err != nil {
			d.said.warn("close listener", "error", err)
		}
		for _, s := range open {
			s.shut()
		}
	}
	d.wg.Wait()
}

// session is one connection as the library sees it.
type session struct {
	net.Conn           // the TLS connection, or below itself
	below    *deadline // the network
	secure   *tls.Conn // nil without TLS
	limiter  *rate.Limiter
	welcome  func() // the device has logged in

	// The rest belongs to the connection's reading goroutine; see hook.

	packet  uint16 // id of the packet from the device that is being answered
	will    *will  // nil without one
	goodbye bool   // the device has sent DISCONNECT
}

// will is what a device wants said when it vanishes.
type will struct {
	topic   string
	payload []byte
}

func newSession(conn net.Conn, conf *tls.Config, limits Limits) *session {
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Room for the largest message, so that a slow link (2G: 10 kB/s) is not taken
		// for a stalled one. An error leaves the system's size.
		_ = tcp.SetWriteBuffer(MaxPacket)
	}
	s := &session{
		below:   &deadline{Conn: conn, within: limits.WriteWithin},
		limiter: rate.NewLimiter(rate.Limit(limits.Rate), limits.Burst),
	}
	s.Conn = s.below
	if conf != nil {
		s.secure = tls.Server(s.below, conf)
		s.Conn = s.secure
	}
	// One fixed instant for TLS and CONNECT together; the library sets the next
	// deadline when it has read CONNECT. An error means that the connection is gone.
	_ = conn.SetReadDeadline(time.Now().Add(limits.ConnectWithin))
	return s
}

// SetDeadline sets the read side only: the library extends one deadline for both, by
// one and a half keep-alives, and a stalled device then blocks a publisher that long.
func (s *session) SetDeadline(t time.Time) error { return s.Conn.SetReadDeadline(t) }

// shut closes the network below TLS: no farewell that could wait.
func (s *session) shut() {
	// An error means that it is closed.
	_ = s.below.Close()
}

// device is the common name of the verified certificate, "" without one.
func (s *session) device() string {
	if s.secure == nil {
		return ""
	}
	state := s.secure.ConnectionState()
	if !state.HandshakeComplete || len(state.VerifiedChains) == 0 {
		return ""
	}
	return state.PeerCertificates[0].Subject.CommonName
}

// deadline gives every write its time, below TLS so that it holds for all of it.
type deadline struct {
	net.Conn
	within time.Duration
}

// Write sends or closes: the library ignores that a write failed and would go on
// waiting for the device.
func (d *deadline) Write(p []byte) (int, error) {
	err := d.SetWriteDeadline(time.Now().Add(d.within))
	n := 0
	if err == nil {
		n, err = d.Conn.Write(p)
	}
	if err != nil {
		return n, errors.Join(fmt.Errorf("write to device: %w", err), d.Close())
	}
	return n, nil
}
