package agent

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"loaxa/internal/radio"
)

func TestBoardNumber(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	nic := func(fsys fstest.MapFS, name, address, uevent, assigned string) {
		dir := "sys/class/net/" + name + "/"
		fsys[dir+"address"], fsys[dir+"addr_assign_type"], fsys[dir+"type"] = file(address+"\n"), file(assigned+"\n"), file("1\n")
		if uevent != "" {
			fsys[dir+"device/uevent"] = file(uevent)
		}
	}
	wired := fstest.MapFS{"etc/machine-id": file("0123456789abcdef0123456789abcdef\n")}
	nic(wired, "eth1", "02:00:00:00:00:09", "DRIVER=stmmac\n", "0")
	nic(wired, "eth0", "02:00:00:00:00:07", "DRIVER=stmmac\n", "0")
	nic(wired, "aaa", "02:00:00:00:00:01", "DEVTYPE=usb_interface\nDRIVER=r8152\n", "0")
	nic(wired, "bbb", "02:00:00:00:00:02", "DRIVER=x\n", "3") // set by hand or by chance
	nic(wired, "lo", "00:00:00:00:00:00", "", "0")
	nic(wired, "wlan0", "02:00:00:00:00:03", "DRIVER=brcmfmac\n", "0")
	wired["sys/class/net/wlan0/phy80211/name"] = file("phy0")
	for name, c := range map[string]struct {
		root fstest.MapFS
		want string
	}{
		"nothing":            {fstest.MapFS{}, ""},
		"only its card":      {fstest.MapFS{"etc/machine-id": file("0123456789abcdef0123456789abcdef\n")}, ""},
		"a board's own":      {fstest.MapFS{"sys/firmware/devicetree/base/serial-number": file("10000000A1B2C3D4\x00")}, "10000000a1b2c3d4"},
		"a maker's nothing":  {fstest.MapFS{"sys/class/dmi/id/board_serial": file("To Be Filled By O.E.M.\n"), "sys/class/dmi/id/product_uuid": file("00000000-0000-0000-0000-000000000000\n")}, ""},
		"PC":                 {fstest.MapFS{"sys/class/dmi/id/product_uuid": file("4C4C4544-0051-3510-8052-B4C04F4A3032\n")}, "4c4c4544-0051-3510-8052-b4c04f4a3032"},
		"a wired chip":       {wired, "02:00:00:00:00:07"},
		"all zeroes is none": {fstest.MapFS{"sys/firmware/devicetree/base/serial-number": file("0000000000000000\x00")}, ""},
	} {
		if got := boardNumber(c.root); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestMachineTellsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "serial")
	if err := os.WriteFile(path, []byte("10000000a1b2c3d4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &Agent{cfg: Config{Board: path}, log: slog.New(slog.DiscardHandler)}
	one, two := radio.NewID[radio.DeviceID](), radio.NewID[radio.DeviceID]()
	if m := a.machine(one); len(m) != 22 || m != a.machine(one) || m == a.machine(two) {
		t.Errorf("%q for one identity, %q for another", m, a.machine(two))
	}
	a.cfg.Board = path + "x"
	if m := a.machine(one); m != "" {
		t.Errorf("a file that is not there names the board %q", m)
	}
}
