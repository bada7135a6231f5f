package e2e

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestKeysChange drills what a province does with its keys while a device is away: two
// new roots, an online key that was stolen, a keyring with a mistyped address. The device
// comes back to the last root, obeys what the new online key signs, and finds the centre
// where it was before.
func TestKeysChange(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"a"})
	h.serve()
	a := h.agent("a", `driver: "null"`)
	await := func(what string, ok func(s radio.Status) bool) (s radio.Status) {
		t.Helper()
		h.eventually(60*time.Second, what, func() bool {
			var told bool
			s, told = a.status()
			return told && ok(s)
		})
		return s
	}
	root := func(n int) string { return filepath.Join(h.dir, "root"+strconv.Itoa(n)+".jwk") }
	before := await("the device is there", func(s radio.Status) bool { return s.Link.Connected && s.Revisions.Settings > 0 }).Revisions
	if before.Root != 1 {
		t.Errorf("root %d at the beginning", before.Root)
	}

	a.stop(t)
	h.command("", "key", "root", "--plain", "--after", filepath.Join(h.dir, "root.jwk"), "--out", root(2))
	h.command("", "key", "root", "--plain", "--after", root(2), "--out", root(3))
	h.command("", "key", "online", "--root", root(3), "--stolen")
	a.start()
	after := await("the device has walked to the third root and obeys the new online key", func(s radio.Status) bool {
		return s.Revisions.Root == 3 && s.Revisions.Keys > before.Keys && s.Revisions.Settings > before.Settings
	}).Revisions

	// Everybody is sent to a place where nobody is.
	h.command("", "key", "sign", "--root", root(3), "--broker", "mqtts://127.0.0.1:1", "--media", "https://127.0.0.1:1")
	lost := await("the mistyped keyring", func(s radio.Status) bool { return s.Revisions.Keys > after.Keys }).Revisions
	a.stop(t)
	a.start()
	await("the device found the centre where it was", func(s radio.Status) bool { return s.Link.Connected && s.Revisions.Keys == lost.Keys })
	h.command("", "key", "sign", "--root", root(3), "--broker", "mqtts://127.0.0.1:"+strconv.Itoa(h.ports.mqtt), "--media", h.devicesURL())
	await("the address put right", func(s radio.Status) bool { return s.Revisions.Keys > lost.Keys && s.Link.Connected })
}
