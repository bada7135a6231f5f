package agent

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

func TestLoadConfig(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "agent.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("defaults", func(t *testing.T) {
		cfg, err := LoadConfig("", nil)
		if cfg.Amplifier.Driver != "none" || cfg.Clock.RTC != "rtc0" || cfg.Clock.DriftPPM != 100 {
			t.Errorf("%+v", cfg)
		}
		if err != nil || !reflect.DeepEqual(cfg, DefaultConfig()) || cfg.Socket() != "/var/lib/loaxa-agent/status.sock" {
			t.Errorf("%+v, %v", cfg, err)
		}
		// What `check` prints is what holds: no 0 that stands for another number.
		if cfg.Output.RingMS == 0 || cfg.Output.MaxWAVMB == 0 || cfg.Cache.MaxMB == 0 {
			t.Errorf("defaults not in full: %+v", cfg)
		}
	})
	t.Run("file, then environment", func(t *testing.T) {
		cfg, err := LoadConfig(write("data: /srv/loaxa\noutput:\n  driver: \"null\"\nclock:\n  assumed: true\n"),
			[]string{"LOAXA_AGENT_CLOCK_OFFSET=90s", "LOAXA_AGENT_STATUS_LISTEN=:8080", "PATH=/bin"})
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Data != "/srv/loaxa" || cfg.Output.Driver != "null" || cfg.Clock.Offset.D() != 90*time.Second || cfg.Status.Listen != ":8080" {
			t.Errorf("%+v", cfg)
		}
	})
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"unknown key":    {"colour: red\n", []string{"colour"}},
		"several at one": {"output: {driver: gramophone, max_wav_mb: -1}\nlog_level: loud\nstatus: {listen: nowhere}\n", []string{"gramophone", "max_wav_mb", "log_level", "status.listen"}},
		"offset alone":   {"clock: {offset: 5s}\n", []string{"clock.assumed"}},
		"long socket":    {"status: {socket: " + strings.Repeat("/x", 60) + "}\n", []string{"100 bytes"}},
		"no folder":      {"data: \"\"\n", []string{"data"}},
		"wav without":    {"output: {driver: wav}\n", []string{"dir"}},
		"amplifier":      {"amplifier: {driver: gpio, chip: x, hold_ms: 9000}\n", []string{"chip", "hold_ms"}},
		"hook by name":   {"amplifier: {driver: command, on: [amp, \"1\"], off: [/bin/amp]}\n", []string{"on: name a program"}},
		"clock":          {"clock: {drift_ppm: 0, rtc: /dev/rtc0, rtc_drift_ppm: 100000}\n", []string{"clock.drift_ppm", "clock.rtc_drift_ppm", "/dev/rtc0"}},
		"modem":          {"clock: {modem: [mmcli], modem_every: 1s}\n", []string{"modem"}},
		"cache":          {"cache: {max_mb: -5}\n", []string{"cache.max_mb"}},
		"fetch":          {"fetch: {metered_mb: -1}\n", []string{"fetch.metered_mb"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadConfig(write(c.text), nil)
			if !errors.Is(err, radio.ErrInvalid) {
				t.Fatalf("error %v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not name %s", err, w)
				}
			}
		})
	}
}

func TestMarkerTellsACrash(t *testing.T) {
	m := Config{Data: t.TempDir()}.marker()
	for i, want := range []bool{false, true, true} {
		if crashed, err := m.set(); err != nil || crashed != want {
			t.Errorf("start %d: crashed %v, %v", i+1, crashed, err)
		}
	}
	if err := m.clear(); err != nil {
		t.Fatal(err)
	}
	if crashed, err := m.set(); err != nil || crashed {
		t.Errorf("start after an orderly end: crashed %v, %v", crashed, err)
	}
}
