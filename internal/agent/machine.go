package agent

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"loaxa/internal/radio"
)

// machine names the board for the centre: a copied card speaks from another one. The
// board's own number does not leave the device, and the name is another one under every
// identity. "" for a board that has no number.
func (a *Agent) machine(device radio.DeviceID) string {
	number := boardNumber(os.DirFS("/"))
	if a.cfg.Board != "" {
		b, err := os.ReadFile(filepath.Clean(a.cfg.Board))
		if err != nil {
			a.log.Warn("the board's serial number cannot be read", "file", a.cfg.Board, "error", err)
		}
		number = tidyNumber(b)
	}
	if number == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("loaxa machine\x00" + string(device) + "\x00" + number))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// boardNumber finds what belongs to the board and not to its card: never machine-id or
// anything else in a file system. It must be the same at every start, or one board would
// look like several.
func boardNumber(root fs.FS) string {
	for _, name := range []string{
		"sys/firmware/devicetree/base/serial-number", // Raspberry Pi, boards with U-Boot
		"sys/class/dmi/id/product_uuid",              // PC-like boards; for root only
		"sys/class/dmi/id/board_serial",
	} {
		if b, err := fs.ReadFile(root, name); err == nil {
			if n := tidyNumber(b); n != "" {
				return n
			}
		}
	}
	return wiredAddress(root)
}

// wiredAddress is the lowest permanent address of a network chip on the board: neither
// of a USB stick, which is moved, nor of radio, whose driver may come late.
func wiredAddress(root fs.FS) string {
	const nets = "sys/class/net"
	entries, err := fs.ReadDir(root, nets)
	if err != nil {
		return ""
	}
	read := func(name, file string) string {
		b, err := fs.ReadFile(root, path.Join(nets, name, file))
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(b))
	}
	var found []string
	for _, e := range entries {
		uevent := read(e.Name(), "device/uevent")
		_, wired := fs.Stat(root, path.Join(nets, e.Name(), "phy80211"))
		// addr_assign_type 0: burnt in; type 1: Ethernet.
		if uevent == "" || wired == nil || strings.Contains(uevent, "DEVTYPE=usb") || read(e.Name(), "addr_assign_type") != "0" || read(e.Name(), "type") != "1" {
			continue
		}
		if n := tidyNumber([]byte(read(e.Name(), "address"))); n != "" {
			found = append(found, n)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return slices.Min(found)
}

// tidyNumber drops what makers leave in place of a number.
func tidyNumber(b []byte) string {
	s := strings.ToLower(string(bytes.Trim(b, " \t\r\n\x00")))
	if len(s) < 4 || len(s) > 200 || strings.Trim(s, "0-:.") == "" || strings.Trim(s, "f-:.") == "" {
		return ""
	}
	for _, none := range []string{"not specified", "to be filled", "default string", "none", "system serial", "0123456789"} {
		if strings.HasPrefix(s, none) {
			return ""
		}
	}
	return s
}
