package mqtt

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// unacked holds what was published and has no PUBACK yet. It is the library's
// message store, in memory: the library puts a message in before sending it and
// deletes it on the PUBACK itself, which makes this the one honest place to count
// what is in flight (a token may finish without a PUBACK). It outlives connections.
type unacked struct {
	// slots is full when the window is: one element per message in the store, or on
	// its way there.
	slots chan struct{}

	mu   sync.Mutex
	next uint64
	held map[string]*waiting
}

// waiting is one message without PUBACK.
type waiting struct {
	order       uint64
	packet      packets.ControlPacket
	since       time.Time // sent on the present connection
	connections int       // it was sent on, the present one included
}

func newUnacked(size int) *unacked {
	return &unacked{slots: make(chan struct{}, size), held: map[string]*waiting{}}
}

// renew is called when a new connection has sent everything held again: it starts
// the waiting anew and gives up (and counts) what has now been sent on too many.
func (u *unacked) renew(now time.Time) (givenUp int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for key, w := range u.held {
		w.since = now
		w.connections++
		if w.connections > maxConnectionsPerPublish {
			u.remove(key)
			givenUp++
		}
	}
	return givenUp
}

// oldest says since when the longest waiting message waits on this connection.
func (u *unacked) oldest() (since time.Time, any bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, w := range u.held {
		if !any || w.since.Before(since) {
			since, any = w.since, true
		}
	}
	return since, any
}

// remove needs u.mu. It frees the slot that Publish took.
func (u *unacked) remove(key string) {
	if _, ok := u.held[key]; !ok {
		return
	}
	delete(u.held, key)
	<-u.slots
}

// Open, Put, Get, All, Del, Close, Reset are the library's Store.

// Open does nothing: the store lives as long as the Client.
func (u *unacked) Open() {}

// Close does nothing, for the next connection goes on with what is held.
func (u *unacked) Close() {}

// Put keeps outgoing publishes. Incoming ones ("i.") the library stores only to
// forget them: an unacknowledged one comes again from the broker.
func (u *unacked) Put(key string, p packets.ControlPacket) {
	if _, publish := p.(*packets.PublishPacket); !publish || !strings.HasPrefix(key, "o.") {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	// A Publish that overlaps the change of connections can bring an id that is in
	// use; the older message is then forgotten, with its slot.
	u.remove(key)
	u.next++
	u.held[key] = &waiting{order: u.next, packet: p, since: time.Now(), connections: 1}
}

// Get returns nil for a message that is not held.
func (u *unacked) Get(key string) packets.ControlPacket {
	u.mu.Lock()
	defer u.mu.Unlock()
	if w, ok := u.held[key]; ok {
		return w.packet
	}
	return nil
}

// All lists in the order of publishing, in which they must be sent again
// [MQTT-4.6.0-1].
func (u *unacked) All() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	keys := make([]string, 0, len(u.held))
	for key := range u.held {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return int(int64(u.held[a].order) - int64(u.held[b].order))
	})
	return keys
}

// Del is the PUBACK.
func (u *unacked) Del(key string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.remove(key)
}

// Reset forgets everything (only a clean session asks for it).
func (u *unacked) Reset() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for key := range u.held {
		u.remove(key)
	}
}
