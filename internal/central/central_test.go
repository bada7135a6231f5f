package central

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

func opened(t testing.TB) *Central {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Data = t.TempDir()
	if err := cfg.Exists(); !errors.Is(err, radio.ErrNotFound) {
		t.Fatalf("an empty folder is taken for a centre: %v", err)
	}
	storetest.FileIn(t, cfg.Data)
	c, err := Open(t.Context(), cfg, []string{"true"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := cfg.Exists(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOneCentreAFolder(t *testing.T) {
	c := opened(t)
	lock, err := lockData(c.cfg.Data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockData(c.cfg.Data); !errors.Is(err, radio.ErrConflict) {
		t.Fatalf("a second centre got the folder: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	lock, err = lockData(c.cfg.Data)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLostCA: a new CA in place of a lost one would cut off every enrolled device.
func TestLostCA(t *testing.T) {
	c := opened(t)
	plan := storetest.SamplePlan()
	if err := c.store.ApplyPlan(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	province, err := c.province(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.openCA(t.Context(), province); err != nil {
		t.Fatal(err)
	}
	d := plan.Devices[0].ID
	code := radio.EnrolmentCode{SecretHash: "h", Device: d, CreatedAt: 1, ExpiresAt: 1 << 50}
	err = errors.Join(c.store.AddEnrolmentCode(t.Context(), code),
		c.store.Enrol(t.Context(), "h", radio.Certificate{Serial: "1", Device: d, IssuedAt: 2, NotAfter: 1 << 50}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.openCA(t.Context(), province); err != nil {
		t.Fatalf("with its CA in place: %v", err)
	}
	if err := c.store.EndDevice(t.Context(), radio.DeviceEnd{Device: d, Why: "stolen", Actor: "a", At: 3}); err != nil {
		t.Fatal(err)
	}
	// What its devices have said is proven by it, also when none is left.
	if err := os.RemoveAll(filepath.Join(c.cfg.Data, "ca")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.openCA(t.Context(), province); !errors.Is(err, radio.ErrNotFound) || !strings.Contains(err.Error(), "backup") {
		t.Fatalf("a new CA was made in place of a lost one: %v", err)
	}
}
