package mqtt

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// fakeBroker answers on pipes and records what clients send.
type fakeBroker struct {
	t      *testing.T
	conns  chan *fakeConn
	down   atomic.Bool // dialling fails
	ack    func(p *packets.PublishPacket) bool
	refuse func(filter string) bool
	early  string      // topic of a message sent right after CONNACK
	silent atomic.Bool // answers nothing, not even pings
	code   byte        // of CONNACK
}

// fakeConn is the broker's end of one connection.
type fakeConn struct {
	net.Conn
	connect *packets.ConnectPacket
	got     chan packets.ControlPacket // all but CONNECT and PINGREQ
	out     chan []byte
	done    chan struct{}
}

func newFakeBroker(t *testing.T) *fakeBroker {
	return &fakeBroker{
		t: t, conns: make(chan *fakeConn, 100),
		ack:    func(*packets.PublishPacket) bool { return true },
		refuse: func(string) bool { return false },
	}
}

func (b *fakeBroker) dial(context.Context, string, string) (net.Conn, error) {
	if b.down.Load() {
		return nil, errors.New("connection refused")
	}
	client, server := net.Pipe()
	c := &fakeConn{Conn: server, got: make(chan packets.ControlPacket, 1000), out: make(chan []byte, 1000), done: make(chan struct{})}
	go b.serve(c)
	return client, nil
}

func (b *fakeBroker) serve(c *fakeConn) {
	defer close(c.done)
	defer c.Close()
	first, err := packets.ReadPacket(c)
	if err != nil {
		return
	}
	c.connect = first.(*packets.ConnectPacket)
	ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
	ack.ReturnCode = b.code
	if err := ack.Write(c); err != nil || b.code != packets.Accepted {
		return
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case p := <-c.out:
				if _, err := c.Write(p); err != nil {
					return
				}
			case <-stop:
				return
			}
		}
	}()
	if b.early != "" {
		c.publish(1, b.early, "early")
	}
	b.conns <- c
	for {
		p, err := packets.ReadPacket(c)
		if err != nil {
			return
		}
		b.answer(c, p)
	}
}

func (b *fakeBroker) answer(c *fakeConn, p packets.ControlPacket) {
	if b.silent.Load() {
		return
	}
	switch p := p.(type) {
	case *packets.PingreqPacket:
		c.send(packets.NewControlPacket(packets.Pingresp))
		return
	case *packets.SubscribePacket:
		a := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
		a.MessageID = p.MessageID
		for _, filter := range p.Topics {
			code := byte(1)
			if b.refuse(filter) {
				code = 0x80
			}
			a.ReturnCodes = append(a.ReturnCodes, code)
		}
		c.send(a)
	case *packets.PublishPacket:
		if b.ack(p) {
			a := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
			a.MessageID = p.MessageID
			c.send(a)
		}
	}
	c.got <- p
}

func (c *fakeConn) send(p packets.ControlPacket) {
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		panic(err)
	}
	c.out <- b.Bytes()
}

func (c *fakeConn) publish(id uint16, topic, payload string) {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.Qos, p.MessageID, p.TopicName, p.Payload = 1, id, topic, []byte(payload)
	c.send(p)
}
