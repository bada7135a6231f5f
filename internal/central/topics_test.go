package central

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/central/broker"
	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// The matrix of topics: every topic of the contract × every device and area × who asks ×
// publish and subscribe, on both brokers, each with what the centre gives it. What is right
// is written out by hand below; a topic or an identity of which nothing is written fails.

// whose says which devices may do something with a topic.
type whose string

const (
	nobody  whose = "nobody"
	itself  whose = "itself"       // the device in whose branch it stands
	inChain whose = "in the chain" // devices that lie in the area
)

// expected speaks of every form of topic: {d|a} {up|down} kind.
var expected = map[string]struct{ publish, read whose }{
	"d up presence":    {itself, nobody},
	"d up hello":       {itself, nobody},
	"d up reported":    {itself, nobody},
	"d up journal":     {itself, nobody},
	"d up receipt":     {itself, nobody},
	"d down welcome":   {nobody, itself},
	"d down programme": {nobody, itself},
	"d down policy":    {nobody, itself},
	"d down settings":  {nobody, itself},
	"d down keys":      {nobody, itself},
	"d down roots":     {nobody, itself},
	"d down ack":       {nobody, itself},
	"d down command":   {nobody, itself},
	"d down alert":     {nobody, itself},
	"a down alert":     {nobody, inChain},
	"a down voice":     {nobody, inChain},
}

func form(topic wire.Topic) string {
	who, way := "d", "down"
	if topic.Area != "" {
		who = "a"
	}
	if topic.Up {
		way = "up"
	}
	return who + " " + way + " " + string(topic.Kind)
}

// may is the matrix's word for one device and one topic.
func (w whose) may(r *resident, topic wire.Topic) bool {
	switch w {
	case itself:
		return topic.Device == r.id
	case inChain:
		return slices.Contains(r.chain, topic.Area)
	}
	return false
}

// topics are all of the contract, for every device and area of the ward.
func (w *ward) topics(t *testing.T) []wire.Topic {
	t.Helper()
	voice := radio.SHA256(strings.Repeat("ab", 32))
	seen, forms := map[wire.Topic]bool{}, map[string]bool{}
	var all []wire.Topic
	for _, name := range w.names {
		for _, area := range w.areas {
			for _, topic := range wire.Contract(w.of[name].id, area, voice) {
				if _, ok := expected[form(topic)]; !ok {
					t.Fatalf("nobody has said who may use %q", form(topic))
				}
				forms[form(topic)] = true
				if !seen[topic] {
					seen[topic] = true
					all = append(all, topic)
				}
			}
		}
	}
	for f := range expected {
		if !forms[f] {
			t.Errorf("%q is in no contract any more", f)
		}
	}
	return all
}

// strays are topics of no contract, near the device's own: nobody may use them.
func strays(r *resident, other radio.DeviceID) []string {
	own := wire.Prefix + "/d/" + string(r.id)
	area := wire.Prefix + "/a/" + string(r.chain[1])
	return []string{
		own, own + "/up", own + "/down", own + "/up/rumour", own + "/up/journal/more", own + "/down/programme/more", own + "/up/programme",
		own + "/sideways/journal", own + "/down/voice/" + strings.Repeat("ab", 32),
		area + "/up/alert", area + "/down/programme", area + "/down/voice", area + "/down/voice/more", area + "/down/alert/more",
		wire.Prefix + "/d/" + string(other), wire.Prefix + "/x/" + string(r.id) + "/up/journal", wire.Prefix,
		"loaxa/v2/d/" + string(r.id) + "/up/journal", "loaxa", "other", "$SYS/broker/uptime",
	}
}

// wide are filters that reach beyond what is one's own; what comes of them is no more.
func wide(r *resident, other radio.DeviceID) []string {
	all := []string{
		"#", "+/#", "/#", "loaxa/#", wire.Prefix + "/#", wire.Prefix + "/d/#", wire.Prefix + "/a/#", wire.Prefix + "/+/+/+/+", wire.Prefix + "/d/+/down/+",
		wire.Prefix + "/d/+/+/+", wire.Prefix + "/a/+/down/alert", wire.Prefix + "/a/+/down/voice/+", wire.AllUp(),
		wire.Prefix + "/d/" + string(r.id) + "/#", wire.Prefix + "/d/" + string(r.id) + "/up/+", wire.Prefix + "/d/" + string(other) + "/down/+",
		"$share/centre/" + wire.AllUp(), "$share/x/" + wire.Prefix + "/#", "$SYS/#",
	}
	return append(all, wire.Subscriptions(r.id, r.chain)...)
}

// talkers are the ward's devices that are let in.
var talkers = []string{"own", "neighbour", "next", "far"}

func TestTopicsPublish(t *testing.T) {
	bothBrokers(t, func(t *testing.T, b *wardBroker) {
		topics := b.topics(t)
		for _, name := range talkers {
			r, d := b.of[name], b.device(t, name)
			// A forbidden publish with QoS 1 ends the connection to the embedded broker, one
			// with QoS 0 is passed over.
			var qos byte
			if name == "own" {
				qos = 1
			}
			say := func(topic string) {
				if d.publish(qos, topic, name) != nil || qos == 1 && d.ping() != nil {
					d = b.device(t, name)
				}
			}
			var want []string
			for _, topic := range topics {
				say(topic.String())
				if expected[form(topic)].publish.may(r, topic) {
					want = append(want, topic.String())
				}
			}
			for _, topic := range strays(r, b.of["gone"].id) {
				say(topic)
			}
			if err := d.ping(); err != nil {
				t.Fatal(err)
			}
			last := wire.UpTopic(r.id, wire.Receipt)
			if err := errors.Join(d.publish(1, last, "end of "+name), d.ping()); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the last word of "+name, func() bool { return slices.Contains(b.spied(), said{last, "end of " + name}) })
			var got []string
			for _, m := range b.spied() {
				if m.payload == name {
					got = append(got, m.topic)
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s was heard on\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	})
}

func TestTopicsSubscribe(t *testing.T) {
	bothBrokers(t, func(t *testing.T, b *wardBroker) {
		topics := b.topics(t)
		for _, topic := range topics {
			b.tell(t, topic.String(), "kept", true)
		}
		_, external := b.runner.(*broker.External)
		if external { // in order on one connection: when the last has come, all have
			last := topics[len(topics)-1].String()
			eventually(t, "the broker keeps the last", func() bool { return slices.Contains(b.spied(), said{last, "kept"}) })
		}
		listeners := map[string]*rawClient{}
		for _, name := range talkers {
			r, d := b.of[name], b.device(t, name)
			listeners[name] = d
			filters := wide(r, b.of["gone"].id)
			for _, topic := range topics {
				filters = append(filters, topic.String())
			}
			filters = append(filters, strays(r, b.of["gone"].id)...)
			for _, f := range filters {
				code, err := d.subscribe(f)
				if err != nil {
					t.Fatalf("%s subscribes to %s: %v", name, f, err)
				}
				// The embedded broker says no; mosquitto filters what it delivers.
				if may := wire.MaySubscribe(r.id, r.chain, f); !external && (code == 1) != may {
					t.Errorf("%s subscribes to %s: code %#x, the permissions say %v", name, f, code, may)
				}
			}
			if err := d.ping(); err != nil {
				t.Fatal(err)
			}
		}
		for _, topic := range topics {
			b.tell(t, topic.String(), "live", false)
		}
		for _, name := range talkers {
			b.tell(t, wire.DownTopic(b.of[name].id, wire.Ack), "end", false)
		}
		for _, name := range talkers {
			r, d := b.of[name], listeners[name]
			eventually(t, "the last word to "+name, func() bool { return d.heard("end") })
			for _, when := range []string{"kept", "live"} {
				got, want := map[string]bool{}, map[string]bool{}
				for _, m := range d.messages() {
					if m.payload != "end" && m.payload != "kept" && m.payload != "live" {
						t.Errorf("%s hears %s: %s", name, m.topic, m.payload)
					}
					if m.payload == when {
						got[m.topic] = true
					}
				}
				for _, topic := range topics {
					s := topic.String()
					if want[s] = expected[form(topic)].read.may(r, topic); got[s] != want[s] {
						t.Errorf("%s, %s, %s: heard %v, want %v", name, s, when, got[s], want[s])
					}
					delete(got, s)
				}
				for s := range got {
					t.Errorf("%s hears %s", name, s)
				}
			}
		}
	})
}
