package central

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// hangs is when a test gives up waiting for a real process.
const hangs = 20 * time.Second

// eventually polls where a real process is involved.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	patience := time.After(hangs)
	for !ok() {
		select {
		case <-tick.C:
		case <-patience:
			t.Fatalf("%s: not within %s", what, hangs)
		}
	}
}

// rawClient speaks MQTT 3.1.1 as a test tells it, also what no honest client would say. It
// acknowledges what it gets.
type rawClient struct {
	conn    net.Conn
	in      *bufio.Reader
	write   sync.Mutex
	answers chan []byte // SUBACK and PINGRESP: the type's byte, then the body

	mu   sync.Mutex
	got  []rawMessage
	gone chan struct{} // closed with the connection
}

type rawMessage struct {
	topic, payload string
	retained       bool
}

// join logs in; an error means that the broker does not let this one in.
func join(conn net.Conn, id string) (*rawClient, error) {
	c := &rawClient{conn: conn, in: bufio.NewReader(conn), answers: make(chan []byte, 1000), gone: make(chan struct{})}
	if err := conn.SetDeadline(time.Now().Add(hangs)); err != nil {
		return nil, err
	}
	hello := []byte{0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 45} // a clean session, keep-alive 45 s
	if err := c.send(0x10, hello, text(id)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	kind, body, err := c.read()
	if err == nil && (kind != 0x20 || len(body) != 2 || body[1] != 0) {
		err = fmt.Errorf("refused: %x %x", kind, body)
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{}) // from now on who waits for an answer bounds it
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go c.listen()
	return c, nil
}

func text(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

func (c *rawClient) send(kind byte, parts ...[]byte) error {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	packet := binary.AppendUvarint([]byte{kind}, uint64(len(body))) // the same form as MQTT's lengths
	c.write.Lock()
	defer c.write.Unlock()
	_, err := c.conn.Write(append(packet, body...))
	return err
}

func (c *rawClient) read() (kind byte, body []byte, err error) {
	if kind, err = c.in.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(c.in)
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, n)
	_, err = io.ReadFull(c.in, body)
	return kind, body, err
}

func (c *rawClient) listen() {
	defer close(c.gone)
	for {
		kind, body, err := c.read()
		if err != nil {
			return
		}
		if kind>>4 != 3 {
			if kind>>4 == 9 || kind>>4 == 13 {
				c.answers <- append([]byte{kind}, body...)
			}
			continue
		}
		n := 2 + int(binary.BigEndian.Uint16(body))
		m := rawMessage{topic: string(body[2:n]), retained: kind&1 == 1}
		if body = body[n:]; kind&6 != 0 {
			// An error means that the connection ends, which the next read tells.
			_ = c.send(0x40, body[:2])
			body = body[2:]
		}
		m.payload = string(body)
		c.mu.Lock()
		c.got = append(c.got, m)
		c.mu.Unlock()
	}
}

func (c *rawClient) answer() ([]byte, error) {
	select {
	case a := <-c.answers:
		return a, nil
	case <-c.gone:
		return nil, io.EOF
	case <-time.After(hangs):
		return nil, errors.New("no answer")
	}
}

// ping waits until the broker has done all it was told before.
func (c *rawClient) ping() error {
	if err := c.send(0xc0); err != nil {
		return err
	}
	_, err := c.answer()
	return err
}

// subscribe gives the return code: QoS 1, or 0x80 when refused.
func (c *rawClient) subscribe(filter string) (byte, error) {
	if err := c.send(0x82, []byte{0, 1}, text(filter), []byte{1}); err != nil {
		return 0, err
	}
	a, err := c.answer()
	if err != nil {
		return 0, err
	}
	return a[len(a)-1], nil
}

// publish retains what it says, so that what must not be said must not stay either.
func (c *rawClient) publish(qos byte, topic, payload string) error {
	if qos == 0 {
		return c.send(0x31, text(topic), []byte(payload))
	}
	return c.send(0x33, text(topic), []byte{0, 2}, []byte(payload))
}

func (c *rawClient) messages() []rawMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]rawMessage(nil), c.got...)
}

func (c *rawClient) heard(payload string) bool {
	for _, m := range c.messages() {
		if m.payload == payload {
			return true
		}
	}
	return false
}

func (c *rawClient) closed() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}
