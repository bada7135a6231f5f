package central

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"loaxa/internal/central/identity"
	"loaxa/internal/central/library"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// TestEmergencySetIsThere: every device's settings name the set, its files are among the
// audio, also after somebody has damaged them, and the keyring lists the drill.
func TestEmergencySetIsThere(t *testing.T) {
	files := library.NewFiles(t.TempDir())
	for range 2 {
		if err := keepEmergency(t.Context(), files); err != nil {
			t.Fatal(err)
		}
		set, err := emergencySet()
		if err != nil || len(set) != len(radio.EmergencyRoles()) {
			t.Fatalf("%+v %v", set, err)
		}
		s := radio.Settings{Device: radio.NewID[radio.DeviceID](), Revision: 1, Rendition: 64, Emergency: set}
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		all, err := emergencyAudio()
		if err != nil || len(all) != 2*len(set) {
			t.Fatalf("%v %v", all, err)
		}
		for _, e := range set {
			f, size, err := files.Open(e.Rendition.SHA256)
			if err != nil || size != e.Rendition.Bytes {
				t.Fatalf("%s: %d bytes, %v", e.Role, size, err)
			}
			if err := f.Truncate(0); err == nil {
				t.Error("the store of audio can be written through a reader")
			}
			if !slices.Contains(all, e) {
				t.Error("the keyring does not list what devices hold")
			}
			if err := errors.Join(os.Truncate(f.Name(), 1), f.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestEmergencySetIsNotSwept: no bulletin refers to it, and yet it is needed.
func TestEmergencySetIsNotSwept(t *testing.T) {
	c := opened(t)
	used, _, err := audioInUse{c.store}.AudioInUse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, roles, err := emergencyRoles()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		for _, x := range r.Renditions {
			if !slices.Contains(used, x.SHA256) {
				t.Errorf("%s at %d kbit/s is swept", r.Role, x.Kbps)
			}
		}
	}
}

// TestPersonKeys: a key is made for an account that works, with a password that will do;
// another for the same area takes the place of the first.
func TestPersonKeys(t *testing.T) {
	const password = "một câu của riêng tôi"
	c := opened(t)
	plan := storetest.SamplePlan()
	if err := c.store.ApplyPlan(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AddPerson(t.Context(), "lan", "Lan", password, []radio.Grant{{Role: radio.RoleApprover, Area: radio.Everywhere}}, "test"); err != nil {
		t.Fatal(err)
	}
	root, err := trust.Generate()
	if err != nil {
		t.Fatal(err)
	}
	add := func(login, area, pass string, may ...string) (radio.PersonKeyRow, error) {
		return c.AddPersonKey(t.Context(), root, login, area, pass, may, "test")
	}
	if _, err := add("lan", "cam-xuyen", password, "alert"); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("before there is a keyring: %v", err)
	}
	if err := c.MakeKeys(t.Context(), root, trust.Endpoints{Brokers: []string{"mqtts://a:1"}, Media: []string{"https://a:2"}}); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"nobody":     second(add("nobody", "cam-xuyen", password, "alert")),
		"nowhere":    second(add("lan", "nowhere", password, "alert")),
		"weak":       second(add("lan", "cam-xuyen", "1234567890", "alert")),
		"for what":   second(add("lan", "cam-xuyen", password)),
		"not known":  second(add("lan", "cam-xuyen", password, "dance")),
		"other root": second(c.AddPersonKey(t.Context(), mustKey(t), "lan", "cam-xuyen", password, []string{"alert"}, "test")),
	} {
		if err == nil {
			t.Errorf("%s: a key was made", name)
		}
	}
	first, err := add("lan", "cam-xuyen", password, "alert")
	if err != nil {
		t.Fatal(err)
	}
	if k, err := trust.OpenKey(first.Sealed, password); err != nil || k.KID() != first.KID {
		t.Errorf("it does not open: %v", err)
	}
	again, err := add("lan", "cam-xuyen", password, "alert", "approve")
	if err != nil {
		t.Fatal(err)
	}
	province, err := c.province(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := identity.OpenKeys(filepath.Join(c.cfg.Data, "keys"), province.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, ring := keys.Keyring()
	if len(ring.Persons) != 2 || ring.Persons[0].JWK.KID != first.KID || ring.Persons[0].NotAfter == 0 || ring.Persons[1].JWK.KID != again.KID || ring.Persons[1].NotAfter != 0 ||
		len(ring.Revoked) != 0 || len(ring.Drill) != 2 || len(ring.Emergency) != 2*len(radio.EmergencyRoles()) {
		t.Errorf("keyring: %+v", ring)
	}
	if n, err := c.RevokePersonKeys(t.Context(), root, "lan", "", "test"); err != nil || n != 2 {
		t.Errorf("revoked %d: %v", n, err)
	}
	if _, err := c.RevokePersonKeys(t.Context(), root, "lan", "", "test"); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("revoked again: %v", err)
	}
	all, err := c.PersonKeys(t.Context())
	if err != nil || len(all) != 2 || all[0].State != radio.KeyRevoked || all[1].State != radio.KeyRevoked {
		t.Errorf("%+v %v", all, err)
	}
	trail, err := c.store.Audit(t.Context(), string(first.Person), 10)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, e := range trail {
		text += fmt.Sprintf("%s %s %+v\n", e.Action, e.Detail, e.Facts)
	}
	if strings.Count(text, "person.key_add") != 2 || strings.Count(text, "person.key_revoke") != 2 || strings.Contains(text, password) {
		t.Errorf("audit:\n%s", text)
	}
}

func second[T any](_ T, err error) error { return err }

func mustKey(t *testing.T) trust.Key {
	t.Helper()
	k, err := trust.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}
