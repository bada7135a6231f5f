package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"loaxa/internal/agent/output"
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
	LogLevel  string          `yaml:"log_level"` // debug, info, warn, error
}

// OutputConfig says where sound goes.
type OutputConfig struct {
	Driver string `yaml:"driver"` // oto, wav, null
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

// ClockConfig is for demos and tests; a real device leaves it out.
type ClockConfig struct {
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

// DefaultConfig is what holds where the file says nothing. The numbers stand here in
// full, so that `loaxa-agent check` prints what the device will use.
func DefaultConfig() Config {
	return Config{
		Data:      "/var/lib/loaxa",
		Output:    OutputConfig{Driver: output.DriverOto, RingMS: 400, MaxWAVMB: 512},
		Amplifier: defaultAmplifier(),
		Status:    StatusConfig{Listen: "127.0.0.1:8080"},
		Cache:     CacheConfig{MaxMB: 1024},
		LogLevel:  "info",
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
	return output.Config{Driver: o.Driver, RingMS: o.RingMS, LatencyMS: o.LatencyMS, Dir: o.Dir,
		TeeDir: o.Tee, MaxWAVBytes: int64(o.MaxWAVMB) << 20}
}

func (c Config) journalPath() string { return filepath.Join(c.Data, "journal.db") }
func (c Config) cachePath() string   { return filepath.Join(c.Data, "cache.db") }
