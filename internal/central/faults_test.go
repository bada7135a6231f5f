package central

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/notify"
	"loaxa/internal/config"
	"loaxa/internal/radio"
)

const notifyFile = `
faults: {offline_after: 15m}
notify:
  base_url: https://loaxa.example.vn
  smtp: {server: "mail.example.vn:2525", security: tls, user: loaxa, password: hunter2, from: loaxa@example.vn}
  to:
    - email: so@example.vn
      areas: [ha-tinh]
      kinds: [offline, not_ready]
      language: vi
    - {webhook: "https://ioc.example.vn/loaxa", secret: "mot bi mat rat dai"}
`

func TestNotifyConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "loaxa.yaml")
	load := func(text string) (Config, error) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := DefaultConfig()
		err := config.Load(file, "LOAXA", nil, &cfg)
		return cfg, errors.Join(err, cfg.Check())
	}
	cfg, err := load(notifyFile)
	if err != nil {
		t.Fatal(err)
	}
	o, err := cfg.Notify.options()
	if err != nil {
		t.Fatal(err)
	}
	if o.SMTP.Host != "mail.example.vn" || o.SMTP.Port != 2525 || o.SMTP.Password != "hunter2" || o.SMTP.Timeout != 30*time.Second || o.SMTP.Security != notify.TLS ||
		len(o.Recipients) != 2 || o.Recipients[0].Kinds[1] != radio.FaultNotReady || o.Recipients[1].Secret != "mot bi mat rat dai" || cfg.Faults.OfflineAfter.D() != 15*time.Minute {
		t.Fatalf("%+v", o)
	}
	printed, err := config.Print(cfg)
	if err != nil || strings.Contains(printed, "hunter2") || strings.Contains(printed, "mot bi mat") || !strings.Contains(printed, "so@example.vn") {
		t.Fatalf("%v\n%s", err, printed)
	}
	for replace, says := range map[string]string{
		"kinds: [offline, not_ready]|kinds: [sleepy]":                     "no kind of fault",
		"security: tls|security: ssl":                                     "security",
		"https://ioc.example.vn/loaxa|http://ioc.example.vn/loaxa":        "only https",
		"https://loaxa.example.vn|loaxa.example.vn":                       "base_url",
		"mail.example.vn:2525|mail.example.vn:x":                          "host:port",
		"offline_after: 15m|offline_after: 1s":                            "offline_after",
		"from: loaxa@example.vn|from: loaxa@example.vn, ca: /nowhere.pem": "nowhere.pem",
		"email: so@example.vn|e-mail: so@example.vn":                      "e-mail",
	} {
		old, new, _ := strings.Cut(replace, "|")
		if _, err := load(strings.Replace(notifyFile, old, new, 1)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", new, err, says)
		}
	}
}
