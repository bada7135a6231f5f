// Package e2e walks the whole house in its tests: a real `loaxa serve` with its
// broker and database, real loaxa-agent processes, real files and sockets, and one
// due minute. It is made of tests only; nothing imports it.
package e2e
