package mqtt

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"time"
)

// link is the network connection under the library. It bounds what the library
// leaves open: every write has a deadline (pings and acknowledgements have none),
// and a packet that is too large or would crash the library's parser ends the
// connection, since the broker is not trusted (design §8).
type link struct {
	net.Conn
	in      *bufio.Reader
	frame   frame
	last    atomic.Int64 // when a byte was last read, unix nanoseconds
	dropped atomic.Bool
}

// errDropped is what the library reads after drop. It must not be net.ErrClosed: the
// library takes that for its own doing and then waits for ever.
var errDropped = errors.New("connection dropped")

// dial opens the connection to one of the servers.
func (c *Client) dial(ctx context.Context, u *url.URL) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := c.dialNetwork(ctx, "tcp", u.Host)
	if err != nil {
		return nil, fmt.Errorf("dial broker: %w", err)
	}
	if u.Scheme == "mqtts" {
		conf := c.opts.TLS
		if conf.ServerName == "" {
			conf = conf.Clone()
			conf.ServerName = u.Hostname()
		}
		secure := tls.Client(conn, conf)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("TLS with broker %s: %w", u.Host, err), conn.Close())
		}
		conn = secure
	}
	return newLink(conn), nil
}

func newLink(conn net.Conn) *link {
	l := &link{Conn: conn, in: bufio.NewReaderSize(conn, 4<<10)}
	l.last.Store(time.Now().UnixNano())
	return l
}

// Read passes on what came, checked packet by packet.
func (l *link) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	if n > 0 {
		l.last.Store(time.Now().UnixNano())
		if bad := l.frame.check(p[:n]); bad != nil {
			return 0, bad
		}
	}
	if err != nil && l.dropped.Load() {
		err = errDropped
	}
	return n, err
}

// Write sends or gives the connection up.
func (l *link) Write(p []byte) (int, error) {
	if err := l.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return l.Conn.Write(p)
}

// silence is how long nothing has been read.
func (l *link) silence(now time.Time) time.Duration {
	return now.Sub(time.Unix(0, l.last.Load()))
}

// drop ends the connection without an MQTT DISCONNECT, so the broker publishes the
// will: a client that stops is as gone as one that died.
func (l *link) drop() {
	l.dropped.Store(true)
	l.Conn.Close() // nothing follows from an error: the connection is given up either way
}

// frame follows the packets in the stream: a type byte, one to four bytes of length
// (MQTT 3.1.1 §2.2), then as many bytes as that says.
type frame struct {
	inLength bool
	kind     byte
	length   int
	shift    uint
	body     int // bytes of the present packet still to come
}

const suback = 9

// check moves through b and finds packets that must not reach the library.
func (f *frame) check(b []byte) error {
	for len(b) > 0 {
		switch {
		case f.body > 0:
			n := min(f.body, len(b))
			f.body -= n
			b = b[n:]
			continue
		case !f.inLength:
			f.kind, f.inLength, f.length, f.shift = b[0]>>4, true, 0, 0
		default:
			if f.shift > 21 {
				return errors.New("broker sent a malformed packet length")
			}
			f.length |= int(b[0]&0x7f) << f.shift
			f.shift += 7
			if b[0]&0x80 == 0 {
				f.inLength, f.body = false, f.length
				if err := f.allowed(); err != nil {
					return err
				}
			}
		}
		b = b[1:]
	}
	return nil
}

func (f *frame) allowed() error {
	if f.length > MaxPacket {
		return fmt.Errorf("broker sent a packet of %d bytes, at most %d", f.length, MaxPacket)
	}
	// We subscribe to one filter a packet; more return codes than that make the
	// library index past its list.
	if f.kind == suback && f.length != 3 {
		return fmt.Errorf("broker sent a SUBACK of %d bytes, want 3", f.length)
	}
	return nil
}
