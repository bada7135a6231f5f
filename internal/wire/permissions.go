package wire

import (
	"strings"

	"loaxa/internal/radio"
)

// MayPublish says whether a device may publish to a topic: its own up topics, of
// known kinds, and nothing else. Matching is level by level; mochi's own matcher
// would let `a/b` open `a/b/c` (design §8).
func MayPublish(d radio.DeviceID, topic string) bool {
	t, err := ParseTopic(topic)
	return err == nil && t.Up && t.Device == d
}

// MaySubscribe says whether a device may use a filter: only when every topic the
// filter can match is one of its own down topics or of its own areas' alerts and voices. So the
// levels up to the direction must be literal; wildcards may stand only behind it.
func MaySubscribe(d radio.DeviceID, areas []radio.AreaID, filter string) bool {
	if len(filter) > 200 {
		return false
	}
	parts := strings.Split(filter, "/")
	if len(parts) == 7 && parts[2] == "a" && Kind(parts[5]) == Voice && (parts[6] == "+" || radio.SHA256(parts[6]).Valid()) {
		// One level more than any other topic: the hash.
		parts = append(parts[:5:5], string(Alert))
	}
	if len(parts) != 6 || parts[0]+"/"+parts[1] != Prefix || parts[4] != "down" {
		return false
	}
	last := Kind(parts[5])
	switch parts[2] {
	case "d":
		return radio.DeviceID(parts[3]) == d && radio.ValidID(d) &&
			(last == "+" || last == "#" || known(downKinds, last))
	case "a":
		if last != Alert {
			return false
		}
		for _, a := range areas {
			if radio.ValidID(a) && string(a) == parts[3] {
				return true
			}
		}
	}
	return false
}

func known(kinds []Kind, k Kind) bool {
	for _, x := range kinds {
		if x == k {
			return true
		}
	}
	return false
}

// Rule is one line of a standard broker's access list: what one device may write, or a
// filter of what it may read.
type Rule struct {
	Write bool
	Topic string
}

// Rules is everything a device may do: its own words up, what it subscribes to down. A
// list for another broker is made of it, device by device; whoever has no rules may do
// nothing.
func Rules(d radio.DeviceID, areas []radio.AreaID) []Rule {
	var rules []Rule
	for _, k := range upKinds {
		rules = append(rules, Rule{Write: true, Topic: UpTopic(d, k)})
	}
	for _, filter := range Subscriptions(d, areas) {
		rules = append(rules, Rule{Topic: filter})
	}
	return rules
}

// Contract lists every topic there is of one device and one area, each kind once: what
// any broker's permissions have to speak of.
func Contract(d radio.DeviceID, a radio.AreaID, voice radio.SHA256) []Topic {
	var all []Topic
	for _, k := range upKinds {
		all = append(all, Topic{Device: d, Up: true, Kind: k})
	}
	for _, k := range downKinds {
		all = append(all, Topic{Device: d, Kind: k})
	}
	return append(all, Topic{Area: a, Kind: Alert}, Topic{Area: a, Kind: Voice, Voice: voice})
}
