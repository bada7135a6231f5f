package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"loaxa/internal/agent/amplifier"
	"loaxa/internal/agent/player"
	"loaxa/internal/agent/status"
	"loaxa/internal/radio"
)

// Who switches the amplifier off, and when. There is power only while there is a
// player, which was told of the switch when it was started.
//
//	nothing sounds any more       the agent, after the hold
//	the agent is stopped          the agent, when its last sound has faded
//	the player is killed          the agent, after the hold, if no other player is up by then
//	the agent is killed           the player, when it has faded, within a second of the
//	                              end of its stdin; in a service unit also ExecStopPost
//	the agent hangs               the service manager's watchdog kills it: see there
//	both are killed               ExecStopPost, or the wrapper of a board without systemd
//	power cut, kernel crash       the relay drops; the next start switches off first

// AmplifierConfig is the switch of the amplifier before the loudspeakers.
type AmplifierConfig struct {
	Driver string `yaml:"driver"` // none, gpio, command
	// Chip and Line name a GPIO line; ActiveLow says that low means on.
	Chip      string `yaml:"chip"`
	Line      int    `yaml:"line"`
	ActiveLow bool   `yaml:"active_low"`
	// On and Off are programs with their arguments.
	On  []string `yaml:"on"`
	Off []string `yaml:"off"`
	// WarmUpMS from power to the first sample; HoldMS from the last sample to off;
	// TimeoutMS bounds one call of a program.
	WarmUpMS  int `yaml:"warm_up_ms"`
	HoldMS    int `yaml:"hold_ms"`
	TimeoutMS int `yaml:"timeout_ms"`
}

func defaultAmplifier() AmplifierConfig {
	return AmplifierConfig{Driver: amplifier.DriverNone, WarmUpMS: 500, HoldMS: 2000, TimeoutMS: 2000, On: []string{}, Off: []string{}}
}

func (c Config) amplifier() amplifier.Config {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	a := c.Amplifier
	return amplifier.Config{Driver: a.Driver, Chip: a.Chip, Line: a.Line, ActiveLow: a.ActiveLow, On: a.On, Off: a.Off,
		WarmUp: ms(a.WarmUpMS), Hold: ms(a.HoldMS), Timeout: ms(a.TimeoutMS), Lock: filepath.Join(c.Data, "amplifier.lock")}
}

// lastActVariable tells a player of the switch and of whose player it is.
const lastActVariable = "LOAXA_PLAYER_AMPLIFIER"

type lastAct struct {
	Parent    int              `json:"parent"`
	Amplifier amplifier.Config `json:"amplifier"`
}

// playerEnv is the environment of the player; nil, which means the agent's own, where
// there is no switch.
func (c Config) playerEnv() ([]string, error) {
	cfg := c.amplifier()
	if !cfg.Present() {
		return nil, nil
	}
	b, err := json.Marshal(lastAct{Parent: os.Getpid(), Amplifier: cfg})
	if err != nil {
		return nil, fmt.Errorf("tell the player of the amplifier: %w", err)
	}
	return append(os.Environ(), lastActVariable+"="+string(b)), nil
}

const (
	// lateAct: a player whose device does not let it go switches off without it.
	lateAct = time.Second
	// orphanWithin: a dying agent's files are closed a moment before it is gone.
	orphanWithin = 200 * time.Millisecond
	// heldWithin: the same is true of its hold on a line.
	heldWithin = 2 * time.Second
	lookAgain  = 20 * time.Millisecond
)

// Player is the child process: one session of package player, and, if its agent has
// died meanwhile, the amplifier switched off as the last act.
func Player(ctx context.Context, stdin io.Reader, stdout io.Writer, environ []string, log *slog.Logger) error {
	last, ok, err := readLastAct(environ)
	if err != nil {
		return err
	}
	if !ok {
		return player.ChildMain(ctx, stdin, stdout, log)
	}
	in := &ending{r: stdin, ended: make(chan struct{})}
	played := make(chan struct{})
	acted := make(chan error, 1)
	go func() { acted <- last.await(ctx, in.ended, played, log) }()
	err = player.ChildMain(ctx, in, stdout, log)
	close(played)
	return errors.Join(err, <-acted)
}

func readLastAct(environ []string) (last lastAct, ok bool, err error) {
	for _, kv := range environ {
		if v, found := strings.CutPrefix(kv, lastActVariable+"="); found {
			if err := json.Unmarshal([]byte(v), &last); err != nil {
				return last, false, fmt.Errorf("%w: %s: %v", radio.ErrInvalid, lastActVariable, err)
			}
			return last, true, nil
		}
	}
	return last, false, nil
}

// await returns when the player has played, or has switched off in its agent's place.
func (a lastAct) await(ctx context.Context, ended, played <-chan struct{}, log *slog.Logger) error {
	select {
	case <-ended:
	case <-played:
		select {
		case <-ended:
		default:
			return nil // the agent lives
		}
	}
	late := time.NewTimer(lateAct)
	defer late.Stop()
	select {
	case <-played:
	case <-late.C:
	}
	if !a.orphaned() {
		return nil
	}
	log.Warn("the agent is gone: switching the amplifier off")
	deadline := time.Now().Add(heldWithin)
	for {
		err := amplifier.Off(ctx, a.Amplifier, a.Parent, log)
		if err == nil || !errors.Is(err, radio.ErrConflict) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(lookAgain)
	}
}

// orphaned says whether the agent that started this player is gone.
func (a lastAct) orphaned() bool {
	deadline := time.Now().Add(orphanWithin)
	for os.Getppid() == a.Parent {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(lookAgain)
	}
	return true
}

// ending tells when a reader has come to its end.
type ending struct {
	r     io.Reader
	over  bool
	ended chan struct{}
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && !e.over {
		e.over = true
		close(e.ended)
	}
	return n, err
}

// AmplifierOff switches off after an agent that has ended, however it ended. A running
// agent switches by itself.
func AmplifierOff(ctx context.Context, cfg Config, log *slog.Logger) error {
	if !cfg.amplifier().Present() {
		return nil
	}
	if _, err := status.Ask(ctx, cfg.Socket()); err == nil {
		return fmt.Errorf("%w: the agent is running and switches the amplifier itself", radio.ErrConflict)
	}
	return amplifier.Off(ctx, cfg.amplifier(), 0, log)
}

// play runs playout and, around it, the amplifier: off before anything can sound, and
// off when the last sound is over.
func (r *rooms) play(ctx context.Context) error {
	if r.amplifier == nil {
		return r.playout.Run(ctx)
	}
	around, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	off := make(chan error, 1)
	go func() { off <- r.amplifier.Run(around) }()
	err := r.playout.Run(ctx)
	end()
	return errors.Join(err, <-off)
}

// atOnce is the PIN, tried at this moment.
type atOnce struct{ r *rooms }

// Check implements status.PIN.
func (a atOnce) Check(ctx context.Context, number, from string) error {
	return a.r.pin.Check(ctx, number, from, a.r.clock.Mono())
}

// IsSet implements status.PIN.
func (a atOnce) IsSet() bool { return a.r.pin.IsSet() }
