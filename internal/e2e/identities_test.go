package e2e

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/agent/enrol"
	"loaxa/internal/agent/journal"
	"loaxa/internal/central/identity"
	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

// TestIdentitiesOfDevices: a device comes out of a store-room with a certificate that ended
// eleven months ago and is back by itself; one that is revoked while it is connected is
// silent and cut off within a minute, and comes back with a new code only; one whose card
// was copied is shown.
func TestIdentitiesOfDevices(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"kho", "mat", "chep"})
	h.serve()
	h.upload("mot", "Bản tin một", tone(t, 3, 440))
	old := h.device("kho", `driver: "null"`)
	lost := h.agent("mat", `driver: "null"`)
	card := h.device("chep", `driver: "null"`)
	due := dueMinute(30 * time.Minute)
	h.schedule(due, "mot")
	lost.ready(due)

	h.centre.stop(t)
	old.expire()
	h.serve()
	old.start()
	copied := card.copied()
	card.board("10000000a1b2c3d4")
	copied.board("10000000ffff0001")
	card.start()
	copied.start()

	h.eventually(60*time.Second, "the device from the store-room to be back", func() bool {
		s, ok := old.status()
		return ok && s.Link.Connected && len(s.Next) > 0
	})
	h.eventually(60*time.Second, "the lost device to be connected again", func() bool {
		s, ok := lost.status()
		return ok && s.Link.Connected && len(s.Next) > 0
	})
	devices := map[string]radio.DeviceID{}
	var all struct {
		Devices []struct {
			Device radio.DeviceID `json:"device"`
			Code   string         `json:"code"`
		} `json:"devices"`
	}
	h.get("/api/v1/devices", &all)
	for _, d := range all.Devices {
		devices[d.Code] = d.Device
	}
	var renewed struct {
		Until radio.Millis `json:"certificate_until"`
	}
	h.eventually(30*time.Second, "the new certificate to be in use", func() bool {
		h.get("/api/v1/devices/"+string(devices["kho"]), &renewed)
		return renewed.Until > radio.At(time.Now().AddDate(1, 0, 0))
	})

	// By the command, beside the centre that serves.
	revoked := time.Now()
	if said := h.command("", "device", "revoke", "mat", "--why", "tủ loa bị cạy"); !strings.Contains(said, "revoked") {
		t.Errorf("the command says %q", said)
	}
	h.eventually(time.Minute, "the revoked device to be silent and cut off", func() bool {
		s, ok := lost.status()
		return ok && !s.Link.Connected && len(s.Next) == 0
	})
	t.Logf("silent and cut off after %s", time.Since(revoked).Round(time.Second))
	h.page("/devices/"+string(devices["mat"]), "Đã thu hồi danh tính", "tủ loa bị cạy")
	for _, r := range h.log() {
		if r.Key.Device == devices["mat"] && r.Outcome != radio.Cancelled {
			t.Errorf("it is still planned for: %+v", r)
		}
	}

	h.eventually(90*time.Second, "the copied card to be noticed", func() bool {
		var faults struct {
			Faults []radio.Fault `json:"faults"`
		}
		h.get("/api/v1/faults?kind=cloned", &faults)
		if i := slices.IndexFunc(faults.Faults, func(f radio.Fault) bool { return f.Device != devices["chep"] }); i >= 0 {
			t.Fatalf("another device is taken for copied: %+v", faults.Faults[i])
		}
		return len(faults.Faults) == 1
	})
	h.page("/devices/"+string(devices["chep"]), "nghi nhân bản danh tính", "rồi thu hồi danh tính")

	// What the page advises: the true controller gets another identity by the text of a QR
	// code, and the copy is out.
	card.stop(t)
	h.command(secret, "user", "add", "--login", "quan", "--name", "Quản", "--role", "admin", "--password-stdin")
	h.login("quan")
	h.post("/api/v1/devices/"+string(devices["chep"])+"/revoke", map[string]string{"why": "thẻ bị sao chép"}, nil)
	var code struct {
		Ticket string `json:"ticket"`
	}
	h.post("/api/v1/devices/"+string(devices["chep"])+"/enrolment-code", struct{}{}, &code)
	card.run("enrol", code.Ticket, "--config", card.config(), "--force")
	card.start()
	h.eventually(60*time.Second, "the true controller alone to be connected", func() bool {
		s, ok := card.status()
		other, there := copied.status()
		return ok && s.Link.Connected && len(s.Next) > 0 && there && !other.Link.Connected
	})

	h.eventually(150*time.Second, "the revoked device to say so to who stands before it", func() bool {
		return strings.Contains(string(lost.run("status", "--config", lost.config())), "MÁY CHỦ ĐÃ THU HỒI HOẶC THAY THẾ DANH TÍNH")
	})
	if said := h.command("", "device", "retire", "mat"); !strings.Contains(said, "retired") {
		t.Errorf("the command says %q", said)
	}
	h.eventually(10*time.Second, "the page to say that it is out of use", func() bool {
		h.get("/api/v1/devices", &all)
		return strings.Contains(h.command("", "device", "list"), "retired")
	})
}

// board names the controller's board.
func (a *agentProcess) board(serial string) {
	a.h.t.Helper()
	path := filepath.Join(a.dir, "serial")
	text, err := os.ReadFile(a.config())
	text = append(text, fmt.Sprintf("board: %q\n", path)...)
	if err := errors.Join(err, os.WriteFile(path, []byte(serial), 0o600), os.WriteFile(a.config(), text, 0o600)); err != nil {
		a.h.t.Fatal(err)
	}
}

// copied is another controller with a copy of the device's card.
func (a *agentProcess) copied() *agentProcess {
	a.h.t.Helper()
	c := &agentProcess{h: a.h, code: a.code + "2", dir: a.dir + "2", env: a.env}
	text, err := os.ReadFile(a.config())
	if err := errors.Join(err, os.CopyFS(c.dir, os.DirFS(a.dir))); err != nil {
		a.h.t.Fatal(err)
	}
	moved := strings.NewReplacer(fmt.Sprintf("%q", filepath.Join(a.dir, "data")), fmt.Sprintf("%q", filepath.Join(c.dir, "data")),
		fmt.Sprintf("%q", filepath.Join(a.dir, "recorded")), fmt.Sprintf("%q", filepath.Join(c.dir, "recorded")),
		fmt.Sprintf("%q", a.socket()), fmt.Sprintf("%q", c.socket())).Replace(string(text))
	if err := os.WriteFile(c.config(), []byte(moved), 0o600); err != nil {
		a.h.t.Fatal(err)
	}
	return c
}

// expire puts the device and the centre, both stopped, where they were two years after
// its enrolment: the certificate ended eleven months ago.
func (a *agentProcess) expire() {
	t := a.h.t
	t.Helper()
	ctx := t.Context()
	j, err := journal.Open(journal.Options{Path: filepath.Join(a.dir, "data", "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	id, err := enrol.Load(j)
	if err != nil {
		t.Fatal(err)
	}
	then := time.Now().AddDate(-2, 0, 0)
	ca, err := identity.OpenCA(filepath.Join(a.h.data(), "ca"), "", func() time.Time { return then })
	if err != nil {
		t.Fatal(err)
	}
	key := id.SigningKey().Public()
	leaf, err := ca.Device(id.Device, key.Ed25519())
	if err != nil || time.Until(leaf.NotAfter) > -300*24*time.Hour {
		t.Fatal(leaf, err)
	}
	jwk, err := key.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(ctx, filepath.Join(a.h.data(), "loaxa.db"))
	if err != nil {
		t.Fatal(err)
	}
	now := radio.At(time.Now())
	id.Certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))
	raw, err := json.Marshal(id)
	err = errors.Join(err,
		s.AddEnrolmentCode(ctx, radio.EnrolmentCode{SecretHash: "then", Device: id.Device, CreatedBy: "test", CreatedAt: now, ExpiresAt: now + 1000}),
		s.Enrol(ctx, "then", radio.Certificate{Serial: leaf.SerialNumber.Text(16), Device: id.Device, KID: key.KID, JWK: string(jwk), PEM: id.Certificate, IssuedAt: now, NotAfter: radio.At(leaf.NotAfter)}),
		j.RenewIdentity(ctx, raw), j.Close(), s.Close())
	if err != nil {
		t.Fatal(err)
	}
}
