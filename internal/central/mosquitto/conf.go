package mosquitto

import (
	"path"
	"strconv"
	"strings"

	"loaxa/internal/mqtt"
)

// Conf is the configuration. It is written in full, so that who runs the broker can read
// what holds; each limit is that of the embedded broker where mosquitto knows it.
func Conf(o Options) ([]byte, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	devices, err := listener(o.Devices)
	if err != nil {
		return nil, err
	}
	centre, err := listener(o.Centre)
	if err != nil {
		return nil, err
	}
	user := ""
	if o.User != "" {
		user = "user " + o.User + "\n"
	}
	return []byte(strings.NewReplacer(
		"{devices}", devices, "{centre}", centre, "{user}", user,
		"{state}", path.Clean(o.State)+"/", "{connections}", strconv.Itoa(o.Connections),
		"{packet}", strconv.Itoa(mqtt.MaxPacket),
		"{acl}", path.Join(o.At, ACLFile),
		"{tls}", "cafile "+path.Join(o.At, CAFile)+"\ncrlfile "+path.Join(o.At, CRLFile)+"\ncertfile "+path.Join(o.At, ServerFile)+
			"\nkeyfile "+path.Join(o.At, KeyFile)+"\ntls_version tlsv1.3\nrequire_certificate true",
	).Replace(confText)), nil
}

const confText = `# Mosquitto 2.0 or newer as the broker of one province, in place of the one inside
# ` + "`loaxa serve`" + `. Made by ` + "`loaxa broker-config mosquitto`" + `; whatever is changed here is
# overwritten. In the centre's configuration belongs ` + "`mqtt: {external: [\"mqtts://…:8884\"]}`" + `.
#
# The broker is not trusted: what causes sound is signed and the database is the only
# durable state. These rules keep strangers and broken devices away; they do not make
# a message true.
#
# Reload it (SIGHUP) when a file beside this one changed: it then reads the access list,
# the list of revoked certificates and its own certificate anew. A device revoked meanwhile
# is mute and deaf from that moment, and cannot connect again; its open connection is ended
# by the centre, which takes over its client id. What this broker cannot do: slow down a
# device that sends too fast, or bound connections by address (a firewall can bound both).

# --- Who may come in: only the holder of a certificate of the province's CA ---
# One rule for all listeners, so that no listener can be forgotten.
per_listener_settings false
allow_anonymous false
allow_zero_length_clientid false
acl_file {acl}
{user}
# --- Devices ---
listener {devices}
{tls}
# The common name of the certificate is the device id; a user name in CONNECT is
# ignored. The client id is forced to the same, or a device could throw another out
# by using its client id.
use_identity_as_username true
use_username_as_clientid true
# The contract uses QoS 1. QoS 2 would cost the broker state for nothing.
max_qos 1
max_connections {connections}

# --- The centre: a certificate with the common name of the access list's first user ---
# Only the centre may reach this listener: bind it to this machine or to a private network.
# Client ids are left as they are, because several centres may share the work (see the
# access list) and the centre ends a revoked device's connection by its id.
listener {centre}
{tls}
use_identity_as_username true
max_qos 1
max_connections 64

# --- How much one client may cost ---
# No message of the contract is larger: voice is 128 KiB, a journal batch in its
# envelope about 180 KB. Whoever sends more is disconnected. message_size_limit stays
# unset on purpose: it would acknowledge what it drops, and the sender believe it.
max_packet_size {packet}
# The centre takes the journals of a whole province at once. A full queue drops in
# silence; the journal's own acknowledgement covers that, so this bounds memory.
max_inflight_messages 1000
max_queued_messages 200000
max_queued_bytes 268435456
queue_qos0_messages false
# An agent asks for 45 s by itself. Newer versions refuse who asks for more or for none,
# 2.0.11 tells it to MQTT 5 clients only.
max_keepalive 120
# A device away for longer has expired documents anyway (35 days) and is sent all anew.
persistent_client_expiration 2m
# Alerts must not wait for a fuller packet.
set_tcp_nodelay true

# --- What survives a restart: a cache, to spare the devices a full resend ---
persistence true
persistence_location {state}
autosave_interval 60

# --- What is written down: to the service's journal ---
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
log_timestamp false
connection_messages true
sys_interval 60
`
