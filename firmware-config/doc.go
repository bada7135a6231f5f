// Package firmware holds what a controller or a server needs beside its binary: per
// board the agent's configuration, sound card, service unit and time sync, and for a
// province with a broker of its own the units that bring mosquitto what `loaxa broker-config`
// makes for it. An installer receives the files as they are; here stand only the tests, which load
// each file with the tool that reads it.
package firmware
