//go:build cgo && !noaudio

package output

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/e2e/soundlab"
	"loaxa/internal/radio"
)

// inLab makes this process one that sounds on a sound server.
func inLab(t *testing.T) *soundlab.Lab {
	t.Helper()
	lab := soundlab.Start(t)
	for _, e := range lab.Env(soundlab.Sink1) {
		key, value, _ := strings.Cut(e, "=")
		t.Setenv(key, value)
	}
	return lab
}

// TestNothingIsAllocated in the loop of a driver that sounds.
func TestNothingIsAllocated(t *testing.T) {
	for _, driver := range []string{DriverALSA, DriverOto} {
		t.Run(driver, func(t *testing.T) {
			inLab(t)
			out, err := New(Config{Driver: driver})
			if err != nil {
				t.Fatal(err)
			}
			if err := out.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			block := make([]int16, radio.SampleRate/50)
			write := func() {
				if err := out.Write(t.Context(), block); err != nil {
					t.Fatal(err)
				}
				if _, err := out.Progress(); err != nil {
					t.Fatal(err)
				}
				out.Info()
			}
			for range 100 {
				write()
			}
			if n := testing.AllocsPerRun(200, write); n != 0 {
				t.Errorf("%v allocations a block", n)
			}
			if err := out.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestALSADevices: what cannot sound as it should is refused when it is opened, with
// a reason; what can is named.
func TestALSADevices(t *testing.T) {
	lab := inLab(t)
	conf := filepath.Join(t.TempDir(), "asound.conf")
	text := "<" + os.Getenv("ALSA_CONFIG_PATH") + ">\n" + `
pcm.nothing { type null }
pcm.hidden { type plug slave.pcm nothing }
pcm.converted { type rate slave { pcm nothing rate 48000 } }
pcm.recorder { type file slave.pcm default file "` + filepath.Join(t.TempDir(), "x.raw") + `" format raw }
pcm.horn { type plug slave.pcm default }
`
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALSA_CONFIG_PATH", conf)
	tests := map[string]struct {
		device string
		rate   int // 0: ours
		want   string
	}{
		"default":            {"default", 0, ""},
		"converted":          {"horn", 0, ""},
		"null":               {"nothing", 0, "Null PCM"},
		"null behind":        {"hidden", 0, "Null PCM"},
		"null behind a rate": {"converted", 0, "Null PCM"},
		"file":               {"recorder", 0, "File PCM"},
		"not there":          {"trumpet", 0, "trumpet"},
		"other rate":         {"default", 1_000_000, "not 1000000"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := &alsaOutput{device: test.device, ring: 400 * time.Millisecond, rate: radio.SampleRate, mono: clock.Mono}
			if test.rate != 0 {
				out.rate = test.rate
			}
			err := out.Open(t.Context())
			if test.want == "" {
				if err != nil || !strings.HasPrefix(out.Info().Device, test.device+" (") || !strings.Contains(out.Info().Device, "PulseAudio") {
					t.Fatalf("%+v, %v", out.Info(), err)
				}
				if err := out.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want %s in it", err, test.want)
			}
		})
	}
	t.Run("hung server", func(t *testing.T) {
		lab.Hang(t)
		defer lab.Resume(t)
		out, err := New(Config{Driver: DriverALSA})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := out.Open(ctx); err == nil || ctx.Err() == nil {
			t.Fatalf("error %v", err)
		}
	})
}

// TestALSACloses after the last sample has sounded, also when that is less than a
// ring or a period, and counts all of it.
func TestALSACloses(t *testing.T) {
	inLab(t)
	for _, samples := range []int{100, 3000, 30_000} {
		out, err := New(Config{Driver: DriverALSA})
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		begun := clock.Mono()
		if err := out.Write(t.Context(), make([]int16, samples)); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := clock.Mono() - begun; took < radio.SamplesDuration(int64(samples)) {
			t.Errorf("%d samples were gone after %v", samples, took)
		}
		if p, err := out.Progress(); err != nil || p.Consumed != int64(samples) {
			t.Errorf("%d samples: %+v, %v", samples, p, err)
		}
	}
}

func TestDeviceChain(t *testing.T) {
	const description = `Plug PCM: Rate conversion PCM (48000, sformat=S16_LE)
Converter: libspeex (external)
Its setup is:
  stream       : PLAYBACK
  appl PCM     : no device
Slave: Hardware PCM card 1 'USB Audio Device' device 0 subdevice 0
Its setup is:
  rate         : 48000
`
	chain := deviceChain(description)
	if got, want := deviceName("plughw:1", chain), "plughw:1 (Hardware PCM card 1 'USB Audio Device' device 0 subdevice 0)"; got != want {
		t.Errorf("named %q, want %q", got, want)
	}
	if unreal := unrealDevice(chain); unreal != "" || len(chain) != 2 {
		t.Errorf("chain %q, unreal %q", chain, unreal)
	}
	if got := deviceName("default", deviceChain("")); got != "default" {
		t.Errorf("named %q", got)
	}
}
