// Package wire is the contract between the two wings: topics, versioned payloads,
// their size limits and their signed envelopes. Nothing else in the house builds or
// reads a topic string (design §7). The centre's dispatch and the agent's link give
// it values and hand its bytes to mqtt; ingest and inbox give it bytes and receive
// proven values. testdata/ holds golden messages.
package wire

import (
	"fmt"
	"strings"

	"loaxa/internal/radio"
)

// Prefix begins every topic; v1 is the version of the contract.
const Prefix = "loaxa/v1"

// Kind is the last word of a topic and the middle word of an envelope's typ.
type Kind string

// What a device says.
const (
	Presence Kind = "presence"
	Hello    Kind = "hello"
	Reported Kind = "reported"
	Journal  Kind = "journal"
	Receipt  Kind = "receipt"
)

// What the centre says to one device.
const (
	Welcome   Kind = "welcome"
	Programme Kind = "programme"
	Policy    Kind = "policy"
	Settings  Kind = "settings"
	Keys      Kind = "keys"
	// Roots is no envelope but a list of them: the steps from root key to root key.
	Roots   Kind = "roots"
	Ack     Kind = "ack"
	Command Kind = "command"
	Alert   Kind = "alert"
	// Voice is raw audio, no envelope: a signed alert names its hash, which the topic
	// repeats.
	Voice Kind = "voice"
)

// What the centre signs for whoever checks the log later; it has no topic.
const (
	Checkpoint Kind = "checkpoint"
	Month      Kind = "month"
)

var (
	upKinds   = []Kind{Presence, Hello, Reported, Journal, Receipt}
	downKinds = []Kind{Welcome, Programme, Policy, Settings, Keys, Roots, Ack, Command, Alert}
)

// OnlineKinds are the documents an online key may sign.
func OnlineKinds() []string {
	return []string{string(Programme), string(Policy), string(Settings), string(Ack), string(Welcome), string(Command), string(Checkpoint), string(Month)}
}

// Retained says whether the broker keeps the last message of this kind.
func (k Kind) Retained() bool {
	switch k {
	case Presence, Reported, Programme, Policy, Settings, Keys, Roots:
		return true
	}
	return false
}

// Type is the `typ` of the kind's envelope.
func (k Kind) Type() string {
	if k == Keys {
		return "loaxa.keyring.v1"
	}
	return "loaxa." + string(k) + ".v1"
}

// MaxPayload bounds the payload inside the envelope, in bytes.
func (k Kind) MaxPayload() int {
	switch k {
	case Programme, Policy, Settings, Keys, Roots, Reported:
		return 64 << 10
	case Journal:
		return 128 << 10
	case Alert:
		return 4 << 10
	case Presence:
		return 1 << 10
	case Voice:
		return radio.MaxVoiceBytes
	}
	return 16 << 10
}

// MaxMessage bounds any MQTT packet; mqtt and an external broker are set to it.
const MaxMessage = 256 << 10

// Topic is one parsed topic. Exactly one of Device and Area is set; Voice is the hash
// of the audio of an area's voice topic, and of no other.
type Topic struct {
	Device radio.DeviceID
	Area   radio.AreaID
	Up     bool
	Kind   Kind
	Voice  radio.SHA256
}

// String builds the topic.
func (t Topic) String() string {
	dir := "down"
	if t.Up {
		dir = "up"
	}
	if t.Device != "" {
		return Prefix + "/d/" + string(t.Device) + "/" + dir + "/" + string(t.Kind)
	}
	topic := Prefix + "/a/" + string(t.Area) + "/" + dir + "/" + string(t.Kind)
	if t.Kind == Voice {
		topic += "/" + string(t.Voice)
	}
	return topic
}

// UpTopic is where a device says something.
func UpTopic(d radio.DeviceID, k Kind) string { return Topic{Device: d, Up: true, Kind: k}.String() }

// DownTopic is where the centre says something to a device.
func DownTopic(d radio.DeviceID, k Kind) string { return Topic{Device: d, Kind: k}.String() }

// RetainedTopics are all that a broker may keep of a device.
func RetainedTopics(d radio.DeviceID) []string {
	var out []string
	for _, k := range downKinds {
		if k.Retained() {
			out = append(out, DownTopic(d, k))
		}
	}
	for _, k := range upKinds {
		if k.Retained() {
			out = append(out, UpTopic(d, k))
		}
	}
	return out
}

// AlertTopic is where the centre alerts an area.
func AlertTopic(a radio.AreaID) string { return Topic{Area: a, Kind: Alert}.String() }

// VoiceTopic is where the voice of an alert goes, to everybody in the area.
func VoiceTopic(a radio.AreaID, h radio.SHA256) string {
	return Topic{Area: a, Kind: Voice, Voice: h}.String()
}

// AllUp is the centre's subscription on an external broker.
func AllUp() string { return Prefix + "/d/+/up/+" }

// Subscriptions are what a device listens to: its own down topics, and the alerts
// and their voices of the areas it lies in.
func Subscriptions(d radio.DeviceID, areas []radio.AreaID) []string {
	subs := []string{Prefix + "/d/" + string(d) + "/down/+"}
	for _, a := range areas {
		subs = append(subs, AlertTopic(a), VoiceTopic(a, "+"))
	}
	return subs
}

// ParseTopic reads a topic of the contract; anything else is refused.
func ParseTopic(s string) (Topic, error) {
	bad := func(why string) (Topic, error) {
		if len(s) > 120 {
			s = s[:120] + "…"
		}
		return Topic{}, fmt.Errorf("%w: topic %q: %s", radio.ErrInvalid, s, why)
	}
	if len(s) > 200 {
		return bad("too long")
	}
	parts := strings.Split(s, "/")
	var voice radio.SHA256
	if len(parts) == 7 && parts[2] == "a" && Kind(parts[5]) == Voice {
		if voice = radio.SHA256(parts[6]); !voice.Valid() {
			return bad("no hash of a voice")
		}
		parts = parts[:6]
	}
	if len(parts) != 6 || parts[0]+"/"+parts[1] != Prefix {
		return bad("not of the form " + Prefix + "/{d|a}/{id}/{up|down}/{kind}")
	}
	if !radio.ValidID(parts[3]) {
		return bad("no id")
	}
	t := Topic{Up: parts[4] == "up", Kind: Kind(parts[5]), Voice: voice}
	if !t.Up && parts[4] != "down" {
		return bad("neither up nor down")
	}
	switch {
	case parts[2] == "d":
		t.Device = radio.DeviceID(parts[3])
	case parts[2] == "a" && !t.Up:
		t.Area = radio.AreaID(parts[3])
	default:
		return bad("neither a device nor an area")
	}
	kinds := downKinds
	if t.Up {
		kinds = upKinds
	}
	if t.Area != "" {
		kinds = []Kind{Alert}
		if voice != "" {
			kinds = []Kind{Voice}
		}
	}
	for _, k := range kinds {
		if k == t.Kind {
			return t, nil
		}
	}
	return bad("unknown kind")
}
