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

// Rule is one line of a standard broker's access list, with the device's client id
// written as %u (mosquitto's `pattern` form; the user name is the certificate's CN).
type Rule struct {
	Write bool
	Topic string
}

// Rules gives the access list for an external broker. Areas are not listed: which
// areas a device may read depends on the device and is generated per device.
func Rules() []Rule {
	var rules []Rule
	for _, k := range upKinds {
		rules = append(rules, Rule{Write: true, Topic: Prefix + "/d/%u/up/" + string(k)})
	}
	return append(rules, Rule{Topic: Prefix + "/d/%u/down/+"})
}
