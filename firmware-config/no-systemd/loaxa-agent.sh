#!/bin/sh
# Goes to /usr/sbin/loaxa-agent.sh. Keeps the agent running on a board without systemd, and
# switches the amplifier off whenever it has ended, however it has ended: what
# ExecStopPost does elsewhere. Started by procd (procd_set_param command
# /usr/sbin/loaxa-agent.sh, with respawn, and procd_set_param term_timeout 10: a stop may
# take that long), by inittab (::respawn:) or by rc.local.
set -u
agent="${LOAXA_AGENT_PROGRAM:-/usr/bin/loaxa-agent}"
config="${LOAXA_AGENT_FILE:-/etc/loaxa/agent.yaml}"
pause="${LOAXA_AGENT_PAUSE:-5}"

off() { "$agent" amplifier --config "$config" off; }

# A stop is for the agent first: it fades what sounds and needs up to 4 s for that.
child=""
leave() {
	trap '' TERM INT HUP
	if [ -n "$child" ]; then
		kill -TERM "$child" 2>/dev/null
		wait "$child"
	fi
	off
	exit 0
}
trap leave TERM INT HUP

off
while :; do
	"$agent" run --config "$config" &
	child=$!
	wait "$child"
	off
	sleep "$pause" &
	child=$!
	wait "$child"
done
