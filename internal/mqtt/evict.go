package mqtt

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// Evict ends another client's connection at every server: it connects under that client
// id, whereupon the broker closes the earlier connection (MQTT 3.1.1 [MQTT-3.1.4-2]), and
// leaves at once. The other's session, with all that waits in it, is gone. A server that
// cannot be reached has nobody to be evicted from, but is an error.
func (c *Client) Evict(ctx context.Context, clientID string) error {
	var problems []error
	for _, server := range c.servers {
		if err := c.evict(ctx, server, clientID); err != nil {
			problems = append(problems, fmt.Errorf("evict %s from %s: %w", clientID, server.Host, err))
		}
	}
	return errors.Join(problems...)
}

func (c *Client) evict(ctx context.Context, server *url.URL, clientID string) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	l, err := c.dial(ctx, server)
	if err != nil {
		return err
	}
	defer l.drop()
	defer context.AfterFunc(ctx, l.drop)()

	hello := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	hello.ProtocolName, hello.ProtocolVersion = "MQTT", 4
	hello.ClientIdentifier, hello.CleanSession = clientID, true
	hello.UsernameFlag, hello.Username = c.opts.Username != "", c.opts.Username
	hello.PasswordFlag, hello.Password = c.opts.Password != "", []byte(c.opts.Password)
	hello.Keepalive = uint16(defaultKeepAlive.Seconds())
	if err := hello.Write(l); err != nil {
		return err
	}
	answer, err := packets.ReadPacket(l)
	if err != nil {
		return err
	}
	if ack, ok := answer.(*packets.ConnackPacket); !ok || ack.ReturnCode != packets.Accepted {
		return fmt.Errorf("the broker answers %s", answer)
	}
	return packets.NewControlPacket(packets.Disconnect).Write(l)
}
