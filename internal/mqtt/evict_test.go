package mqtt

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

func evicting(t *testing.T, dial func(context.Context, string, string) (net.Conn, error)) *Client {
	t.Helper()
	c, err := New(Options{
		Servers: []string{"mqtt://127.0.0.1:1883", "mqtt://127.0.0.1:1884"}, ClientID: "centre", Username: "centre",
		Handle: func(context.Context, Message) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.dialNetwork = dial
	return c
}

func TestEvict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(t)
		if err := evicting(t, b.dial).Evict(t.Context(), "dev"); err != nil {
			t.Fatal(err)
		}
		for range 2 { // one for each server
			c := <-b.conns
			if p := c.connect; p.ClientIdentifier != "dev" || !p.CleanSession || p.Username != "centre" || p.Keepalive == 0 || p.WillFlag {
				t.Errorf("CONNECT %+v", p)
			}
			if p, ok := (<-c.got).(*packets.DisconnectPacket); !ok {
				t.Errorf("then %v, want DISCONNECT", p)
			}
			<-c.done
		}
	})
}

func TestEvictFails(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"refused": func(c net.Conn) {
			if _, err := packets.ReadPacket(c); err != nil {
				return
			}
			no := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
			no.ReturnCode = packets.ErrRefusedNotAuthorised
			_ = no.Write(c) // the other side says what it missed
		},
		"another packet": func(c net.Conn) {
			if _, err := packets.ReadPacket(c); err == nil {
				_ = packets.NewControlPacket(packets.Pingresp).Write(c)
			}
		},
		"gone": func(net.Conn) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := evicting(t, func(context.Context, string, string) (net.Conn, error) {
					client, server := net.Pipe()
					go func() { defer server.Close(); serve(server) }()
					return client, nil
				})
				if err := c.Evict(t.Context(), "dev"); err == nil {
					t.Error("no error")
				}
			})
		})
	}
	t.Run("silent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := evicting(t, func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				go func() {
					for b := make([]byte, 64); ; {
						if _, err := server.Read(b); err != nil {
							return
						}
					}
				}()
				return client, nil
			})
			begin := time.Now()
			if err := c.Evict(t.Context(), "dev"); err == nil || time.Since(begin) != 2*connectTimeout {
				t.Errorf("%v after %s, want an error after %s", err, time.Since(begin), 2*connectTimeout)
			}
		})
	})
}
