package broker

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// hook is where the library asks: who are you, may you, and what shall become of
// this message.
type hook struct {
	mochi.HookBase
	server           *mochi.Server
	access           Access
	ingest           Ingest
	limits           Limits
	insecureLoopback bool
	said             *limitedLog
	ctx              context.Context // Run's; set before the first connection, the library passes none

	received, rejected, denied atomic.Int64
}

// devicePacket is the id under which the library knows whatever a device sends.
const devicePacket = 65535

func newHook(server *mochi.Server, opts Options, said *limitedLog) *hook {
	return &hook{
		server: server, access: opts.Access, ingest: opts.Ingest, limits: opts.Limits,
		insecureLoopback: opts.TLS == nil && opts.InsecureLoopback, said: said,
	}
}

// ID names the hook in the library.
func (h *hook) ID() string { return "loaxa" }

// Provides lists what is answered here.
func (h *hook) Provides(b byte) bool {
	switch b {
	case mochi.OnConnect, mochi.OnConnectAuthenticate, mochi.OnSessionEstablish, mochi.OnACLCheck,
		mochi.OnSubscribe, mochi.OnPacketRead, mochi.OnPacketEncode, mochi.OnQosPublish, mochi.OnPublish,
		mochi.OnPublishDropped, mochi.OnDisconnect:
		return true
	}
	return false
}

// OnConnect speaks MQTT 3.1.1 only: the library has deadlocks and defaults under
// version 5 that nobody has looked at here. It also replaces a keep-alive that would
// never notice a dead device.
func (h *hook) OnConnect(cl *mochi.Client, pk packets.Packet) error {
	if cl.Properties.ProtocolVersion != 4 {
		h.deny(cl, "only MQTT 3.1.1 is spoken", "version", cl.Properties.ProtocolVersion)
		if err := h.server.SendConnack(cl, packets.ErrUnsupportedProtocolVersion, false, nil); err != nil {
			return err
		}
		return packets.ErrUnsupportedProtocolVersion
	}
	longest := uint16(h.limits.KeepAlive / time.Second)
	if cl.State.Keepalive == 0 || cl.State.Keepalive > longest {
		cl.State.Keepalive = longest
	}
	return nil
}

// OnConnectAuthenticate: client id = common name of the certificate = device
// (design §7), enrolled, and with a will only where it may publish.
func (h *hook) OnConnectAuthenticate(cl *mochi.Client, pk packets.Packet) bool {
	s, ok := cl.Net.Conn.(*session)
	if !ok {
		return false
	}
	device := s.device()
	if h.insecureLoopback {
		device = string(pk.Connect.Username)
	}
	switch {
	case device == "" || device == mochi.InlineClientId:
		return h.deny(cl, "no device in the certificate")
	case cl.ID != device:
		return h.deny(cl, "client id is not the device of the certificate", "device", device)
	case !h.access.Allowed(device):
		return h.deny(cl, "device is not enrolled, or revoked")
	case pk.Connect.WillFlag && (pk.Connect.WillQos > 1 || !h.mayPublish(device, pk.Connect.WillTopic)):
		return h.deny(cl, "will is not the device's to send", "topic", clip(pk.Connect.WillTopic))
	}
	s.welcome()
	if pk.Connect.WillFlag {
		s.will = &will{pk.Connect.WillTopic, pk.Connect.WillPayload}
		cl.Properties.Will = mochi.Will{} // kept here: see OnDisconnect
	}
	return true
}

func (h *hook) mayPublish(device, topic string) bool {
	return checkTopic(topic, nil) == nil && h.access.MayPublish(device, topic)
}

// OnSessionEstablish notes a second connection of one device: a line that broke, or
// a copied card.
func (h *hook) OnSessionEstablish(cl *mochi.Client, _ packets.Packet) {
	if old, ok := h.server.Clients.Get(cl.ID); ok && !old.Closed() {
		h.said.warn("device connects again, its earlier connection ends", "device", cl.ID,
			"earlier", old.Net.Remote, "now", cl.Net.Remote)
	}
}

// OnACLCheck is asked for publishes, for subscriptions and for every delivery.
func (h *hook) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	if write {
		if h.mayPublish(cl.ID, topic) {
			return true
		}
		return h.deny(cl, "may not publish there", "topic", clip(topic))
	}
	if !strings.HasPrefix(topic, "$") && h.access.MaySubscribe(cl.ID, topic) {
		return true
	}
	return h.deny(cl, "may not read there", "topic", clip(topic))
}

// OnSubscribe bounds how many filters a device holds; an empty filter is refused.
func (h *hook) OnSubscribe(cl *mochi.Client, pk packets.Packet) packets.Packet {
	room := maxSubscriptions - cl.State.Subscriptions.Len()
	for i := range pk.Filters {
		if _, held := cl.State.Subscriptions.Get(pk.Filters[i].Filter); held {
			continue
		}
		if room--; room < 0 {
			h.deny(cl, "too many subscriptions")
			pk.Filters[i].Filter = ""
		}
	}
	return pk
}

// OnPacketRead gives whatever the device numbers one id of our own. Device and broker
// number their packets separately (MQTT 3.1.1 §2.3.1), but the library keeps both in
// one list: a device's SUBSCRIBE would be refused, and its PUBLISH would delete a
// message to it, when the numbers meet, as they do after every reconnect with
// messages waiting. The device's packets are answered one at a time, so one id is
// enough. It also ends a connection that publishes with QoS 2, which nothing here
// uses, and makes a connection wait that sends too fast.
func (h *hook) OnPacketRead(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	s, ok := cl.Net.Conn.(*session)
	if !ok || s.limiter.Wait(h.ctx) != nil {
		return pk, packets.ErrRejectPacket // the broker stops; no PUBACK, so it comes again
	}
	switch pk.FixedHeader.Type {
	case packets.Disconnect:
		s.goodbye = true // so its will is discarded [MQTT-3.14.4-3]
	case packets.Publish, packets.Subscribe, packets.Unsubscribe:
		if pk.FixedHeader.Type == packets.Publish && pk.FixedHeader.Qos > 1 {
			h.deny(cl, "publishes with QoS 2")
			return pk, packets.ErrRejectPacket
		}
		if pk.PacketID != 0 {
			s.packet, pk.PacketID = pk.PacketID, devicePacket
		}
	}
	return pk, nil
}

// OnPacketEncode gives the device its own number back.
func (h *hook) OnPacketEncode(cl *mochi.Client, pk packets.Packet) packets.Packet {
	switch pk.FixedHeader.Type {
	case packets.Puback, packets.Suback, packets.Unsuback:
		if s, ok := cl.Net.Conn.(*session); ok && pk.PacketID == devicePacket {
			pk.PacketID = s.packet
		}
	}
	return pk
}

// OnQosPublish takes a PUBACK out of the list of unacknowledged messages again, where
// the library puts it before writing it: if that write fails it would stay, be counted
// in the window, and go to the next connection with a number that means something else.
func (h *hook) OnQosPublish(cl *mochi.Client, pk packets.Packet, _ int64, _ int) {
	if pk.FixedHeader.Type == packets.Puback && cl.State.Inflight.Delete(pk.PacketID) {
		atomic.AddInt64(&h.server.Info.Inflight, -1)
	}
}

// OnPublish hands a device's message to ingest and decides on its PUBACK. For a 3.1.1
// device exactly two errors exist: any other is taken for success and acknowledged.
func (h *hook) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline {
		return pk, nil
	}
	h.received.Add(1)
	if err := h.ingest.Message(h.ctx, cl.ID, pk.TopicName, pk.Payload); err != nil {
		h.rejected.Add(1)
		h.said.error("message not taken, the device keeps it", "device", cl.ID, "topic", clip(pk.TopicName), "error", err)
		return pk, packets.ErrRejectPacket
	}
	return pk, packets.CodeSuccessIgnore // PUBACK; neither routed nor retained, the centre alone reads it
}

// OnPublishDropped notes a device whose queue of writes is full.
func (h *hook) OnPublishDropped(cl *mochi.Client, pk packets.Packet) {
	h.said.warn("message dropped, the device reads too slowly", "device", cl.ID, "topic", clip(pk.TopicName))
}

// OnDisconnect hands the last word of a device that vanished to ingest. The library
// would retain and route it, and loses it when the device comes back at the same
// moment. There is no device left to send it again, so a failure is tried again here,
// briefly.
func (h *hook) OnDisconnect(cl *mochi.Client, _ error, _ bool) {
	s, ok := cl.Net.Conn.(*session)
	if !ok || s.will == nil || s.goodbye {
		return
	}
	for attempt := 0; h.ctx.Err() == nil; attempt++ {
		err := h.ingest.Message(h.ctx, cl.ID, s.will.topic, s.will.payload)
		if err == nil {
			return
		}
		if attempt == 2 {
			h.rejected.Add(1)
			h.said.error("will not taken", "device", cl.ID, "error", err)
			return
		}
		select {
		case <-time.After(time.Second):
		case <-h.ctx.Done():
		}
	}
}

// deny counts and tells a refusal, and is always false.
func (h *hook) deny(cl *mochi.Client, why string, args ...any) bool {
	h.denied.Add(1)
	h.said.warn("device refused: "+why, append(args, "client", clip(cl.ID), "remote", cl.Net.Remote)...)
	return false
}

// clip keeps what a stranger chose short in the log.
func clip(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}
