package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/clock"
	"loaxa/internal/config"
	"loaxa/internal/radio"
)

// EnvPrefix begins the environment variables that override the file.
const EnvPrefix = "LOAXA_AGENT"

// Config is the agent's file. Where the centre is found comes with the enrolment,
// in the signed keyring, and not from here.
type Config struct {
	// Data is the folder of journal.db and cache.db.
	Data      string          `yaml:"data"`
	Output    OutputConfig    `yaml:"output"`
	Amplifier AmplifierConfig `yaml:"amplifier"`
	Clock     ClockConfig     `yaml:"clock"`
	Status    StatusConfig    `yaml:"status"`
	Cache     CacheConfig     `yaml:"cache"`
	Fetch     FetchConfig     `yaml:"fetch"`
	// Board is the file that holds the board's serial number; "" for the usual places.
	Board    string `yaml:"board"`
	LogLevel string `yaml:"log_level"` // debug, info, warn, error
}

// OutputConfig says where sound goes.
type OutputConfig struct {
	Driver string `yaml:"driver"` // alsa, oto, wav, null
	// Device of the driver alsa; "" is "default".
	Device string `yaml:"device"`
	// RingMS is the device's buffer; 0 is 400 ms.
	RingMS int `yaml:"ring_ms"`
	// LatencyMS corrects the start for one board, measured with a microphone.
	LatencyMS int `yaml:"latency_ms"`
	// Dir takes the files of the driver wav.
	Dir string `yaml:"dir"`
	// Tee is a folder that gets a WAV of every session beside the sound itself.
	Tee      string `yaml:"tee"`
	MaxWAVMB int    `yaml:"max_wav_mb"`
}

// ClockConfig says where the time comes from besides the system's time service and the
// centre.
type ClockConfig struct {
	// DriftPPM is the assumed error of the board's crystal until it is measured.
	DriftPPM int `yaml:"drift_ppm"`
	// RTC is the hardware clock, "" for none; RTCDriftPPM its error when switched off.
	RTC         string `yaml:"rtc"`
	RTCDriftPPM int    `yaml:"rtc_drift_ppm"`
	// Modem is a program that prints Unix seconds and their accuracy; asked every
	// ModemEvery while the time is not trusted.
	Modem        []string        `yaml:"modem"`
	ModemEvery   config.Duration `yaml:"modem_every"`
	ModemTimeout config.Duration `yaml:"modem_timeout"`

	// What follows is for demos and tests; a real device leaves it out.

	// Assumed takes the machine's clock as true. Pages show it in red.
	Assumed bool `yaml:"assumed"`
	// Offset is added to the machine's clock; only together with Assumed.
	Offset config.Duration `yaml:"offset"`
}

// StatusConfig says where the status is shown.
type StatusConfig struct {
	// Socket for `loaxa-agent status`; "" is status.sock in the data folder.
	Socket string `yaml:"socket"`
	// Listen is the address of the local page: "127.0.0.1:8080" only for this
	// machine, ":8080" for the whole local network, "" for none.
	Listen string `yaml:"listen"`
}

// CacheConfig bounds the audio kept.
type CacheConfig struct {
	MaxMB int `yaml:"max_mb"` // 0 is 1024
}

// FetchConfig says what the link may carry.
type FetchConfig struct {
	// MeteredMB is how many megabytes the contract of a metered link allows in a calendar
	// month; 0 for no cap. The device tells it to the centre, whose rehearsals warn before
	// it is used up; nothing is held back by it.
	MeteredMB int `yaml:"metered_mb"`
}

// journalFile is the journal in the data folder.
const journalFile = "journal.db"

// DefaultConfig is what holds where the file says nothing. The numbers stand here in
// full, so that `loaxa-agent check` prints what the device will use.
func DefaultConfig() Config {
	return Config{
		Data:      dataFolder,
		Output:    OutputConfig{Driver: output.DriverALSA, RingMS: 400, MaxWAVMB: 512},
		Amplifier: defaultAmplifier(),
		Clock: ClockConfig{DriftPPM: 100, RTC: "rtc0", RTCDriftPPM: 100, Modem: []string{},
			ModemEvery: config.Duration(10 * time.Minute), ModemTimeout: config.Duration(10 * time.Second)},
		Status:   StatusConfig{Listen: "127.0.0.1:8080"},
		Cache:    CacheConfig{MaxMB: 1024},
		LogLevel: "info",
	}
}

// LoadConfig reads the file ("" for none), then the environment, and checks the whole.
func LoadConfig(path string, environ []string) (Config, error) {
	cfg := DefaultConfig()
	err := config.Load(path, EnvPrefix, environ, &cfg)
	if err = errors.Join(err, cfg.Check()); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// Check reports everything that is wrong, at once.
func (c Config) Check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{radio.ErrInvalid}, args...)...))
	}
	if c.Data == "" {
		bad("data: name a folder")
	}
	errs = append(errs, c.output().Check(), c.amplifier().Check())
	if c.Output.MaxWAVMB < 0 || c.Output.MaxWAVMB > 3<<10 {
		bad("output.max_wav_mb %d, want 0 to %d", c.Output.MaxWAVMB, 3<<10)
	}
	if offset := c.Clock.Offset.D(); offset != 0 && !c.Clock.Assumed {
		bad("clock.offset is for tests and needs clock.assumed")
	} else if offset.Abs() > 366*24*time.Hour {
		bad("clock.offset %s, at most a year", offset)
	}
	if c.Clock.DriftPPM < 1 || c.Clock.DriftPPM > maxDriftPPM {
		bad("clock.drift_ppm %d, want 1 to %d", c.Clock.DriftPPM, maxDriftPPM)
	}
	if c.Clock.RTCDriftPPM < 1 || c.Clock.RTCDriftPPM > maxDriftPPM {
		bad("clock.rtc_drift_ppm %d, want 1 to %d", c.Clock.RTCDriftPPM, maxDriftPPM)
	}
	k := c.clock()
	k.Offset, k.Drift, k.RTCDrift = 0, 0, 0 // told above, by their keys
	if _, err := clock.New(k, slog.New(slog.DiscardHandler)); err != nil {
		errs = append(errs, fmt.Errorf("clock: %w", err))
	}
	if c.Status.Listen != "" {
		if _, _, err := net.SplitHostPort(c.Status.Listen); err != nil {
			bad("status.listen: %v", err)
		}
	}
	// The kernel takes at most 108 bytes for the name of a socket.
	if len(c.Socket()) > 100 {
		bad("status.socket: %q is longer than 100 bytes", c.Socket())
	}
	if c.Cache.MaxMB < 0 || c.Cache.MaxMB > 1<<20 {
		bad("cache.max_mb %d, want 0 to %d", c.Cache.MaxMB, 1<<20)
	}
	if c.Fetch.MeteredMB < 0 || c.Fetch.MeteredMB > 1<<20 {
		bad("fetch.metered_mb %d, want 0 to %d", c.Fetch.MeteredMB, 1<<20)
	}
	if _, err := c.Level(); err != nil {
		bad("log_level %.20q, want debug, info, warn or error", c.LogLevel)
	}
	return errors.Join(errs...)
}

// Level of the log.
func (c Config) Level() (slog.Level, error) {
	var l slog.Level
	err := l.UnmarshalText([]byte(c.LogLevel))
	return l, err
}

// Socket is where the status is asked for.
func (c Config) Socket() string {
	if c.Status.Socket != "" {
		return c.Status.Socket
	}
	return filepath.Join(c.Data, "status.sock")
}

func (c Config) output() output.Config {
	o := c.Output
	return output.Config{Driver: o.Driver, Device: o.Device, RingMS: o.RingMS, LatencyMS: o.LatencyMS, Dir: o.Dir,
		TeeDir: o.Tee, MaxWAVBytes: int64(o.MaxWAVMB) << 20}
}

// maxDriftPPM of a crystal: a second in a quarter of an hour.
const maxDriftPPM = 1000

// clock is what the configuration says of it; floor and memory are the journal's.
func (c Config) clock() clock.Options {
	k := c.Clock
	return clock.Options{Assumed: k.Assumed, Offset: k.Offset.D(), BuildTime: buildTime(),
		Drift: float64(k.DriftPPM) / 1e6, RTC: k.RTC, RTCDrift: float64(k.RTCDriftPPM) / 1e6,
		Modem: clock.ModemOptions{Command: k.Modem, Every: k.ModemEvery.D(), Timeout: k.ModemTimeout.D()}}
}

func (c Config) journalPath() string { return filepath.Join(c.Data, journalFile) }
func (c Config) cachePath() string   { return filepath.Join(c.Data, "cache.db") }
