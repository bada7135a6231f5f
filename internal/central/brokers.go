package central

import (
	"context"

	"loaxa/internal/central/broker"
	"loaxa/internal/central/dispatch"
	"loaxa/internal/central/identity"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// runner is a broker of either kind.
type runner interface {
	publisher
	Stats() broker.Stats
	Disconnect(device string) error
	Run(ctx context.Context) error
}

// broker is the embedded broker, or the connection to the one of mqtt.external.
func (c *Central) broker(ca *identity.CA, devices *identity.Devices, ear broker.Ingest) (runner, error) {
	log := c.log
	if len(c.cfg.MQTT.External) == 0 {
		cfg, err := ca.ServerTLS(c.cfg.Devices.Hosts, true)
		if err != nil {
			return nil, err
		}
		return broker.NewEmbedded(broker.Options{
			Listen: c.cfg.MQTT.Listen, TLS: admitTLS(cfg, devices), Access: access{devices, log}, Ingest: ear, Logger: log,
		})
	}
	own, err := ca.Centre()
	if err != nil {
		return nil, err
	}
	return broker.NewExternal(broker.ExternalOptions{
		Servers: c.cfg.MQTT.External, ClientID: identity.CentreName, Username: identity.CentreName,
		TLS: trust.ClientTLS(ca.Certificate(), &own, c.cfg.Devices.Hosts[0], c.now), Filter: wire.AllUp(), Ingest: ear, Logger: log,
		Device: func(topic string) (string, bool) {
			t, err := wire.ParseTopic(topic)
			return string(t.Device), err == nil && t.Up && t.Device != ""
		},
	})
}

// startBroker fills the embedded broker with every retained document before it lets
// the first device in: the broker is a cache (design §7). An external one is filled
// once it is connected.
func (c *Central) startBroker(ctx context.Context, b runner, d *dispatch.Dispatcher) error {
	if _, embedded := b.(*broker.Embedded); embedded {
		if err := c.store.ForgetPresence(ctx); err != nil {
			return err
		}
		if err := d.Republish(ctx); err != nil && ctx.Err() == nil {
			// Dispatch tries again what could not be published.
			c.log.Warn("not everything is published yet", "error", err)
		}
	}
	return b.Run(ctx)
}
