package clock

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// ModemOptions is a program that knows the time from elsewhere: the mobile network's
// (NITZ) or a satellite's. It prints one line, Unix seconds and how far they may be
// wrong in seconds ("1795402128.25 0.5"), and ends with 0.
type ModemOptions struct {
	Command []string
	// Every is how often it is asked while the time is not trusted; Timeout bounds a call.
	Every   time.Duration
	Timeout time.Duration
}

const (
	maxModemWords  = 32
	maxModemAnswer = 256
	minModemEvery  = time.Minute
	maxModemEvery  = 24 * time.Hour
	minModemCall   = 100 * time.Millisecond
	maxModemCall   = time.Minute
)

// Check refuses what cannot work.
func (m ModemOptions) Check() error {
	if len(m.Command) == 0 {
		return nil
	}
	switch {
	case !filepath.IsAbs(m.Command[0]) || len(m.Command) > maxModemWords:
		return fmt.Errorf("%w: modem: name a program by its full path, with at most %d words", radio.ErrInvalid, maxModemWords)
	case m.Every < minModemEvery || m.Every > maxModemEvery:
		return fmt.Errorf("%w: modem asked every %s, want %s to %s", radio.ErrInvalid, m.Every, minModemEvery, maxModemEvery)
	case m.Timeout < minModemCall || m.Timeout > maxModemCall:
		return fmt.Errorf("%w: modem's timeout %s, want %s to %s", radio.ErrInvalid, m.Timeout, minModemCall, maxModemCall)
	}
	return nil
}

// askModem asks as long as nobody better tells the time.
func (s *System) askModem(ctx context.Context) {
	for {
		if r := s.State(); r.State != Trusted || r.Source == SourceModem {
			if err := s.askOnce(ctx); err != nil && ctx.Err() == nil {
				s.log.Info("modem tells no time", "error", err)
			}
		}
		again := time.NewTimer(s.opts.Modem.Every)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return
		}
	}
}

func (s *System) askOnce(ctx context.Context) error {
	m := s.opts.Modem
	ctx, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, m.Command[0], m.Command[1:]...)
	cmd.WaitDelay = minModemCall
	var said bounded
	cmd.Stdout = &said
	sent := s.Mono()
	err := cmd.Run()
	got := s.Mono()
	if ctx.Err() != nil {
		err = fmt.Errorf("no answer within %s", m.Timeout)
	}
	if err != nil {
		return fmt.Errorf("ask %s: %w", m.Command[0], err)
	}
	t, accuracy, err := parseModem(said.text())
	if err != nil {
		return fmt.Errorf("ask %s: %w", m.Command[0], err)
	}
	return s.fromModem(t, accuracy, sent, got)
}

// fromModem takes an answer that was asked for at sent and came at got, on Mono.
func (s *System) fromModem(t time.Time, accuracy, sent, got time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if floor := s.lowest(); t.Before(floor.Add(-MaxBound)) {
		return fmt.Errorf("%w: it says %s, but %s has passed already", radio.ErrInvalid, t.UTC().Format(time.RFC3339), floor.Format(time.RFC3339))
	}
	now := s.look()
	half := (got - sent) / 2
	s.learn(&s.modem, now.anchor(t, sent+half, accuracy+half), now)
	return nil
}

var modemForm = regexp.MustCompile(`^([1-9][0-9]{8,10})(?:\.([0-9]{1,9}))?[ \t]+([0-9]{1,2}(?:\.[0-9]{1,9})?)$`)

var errModem = fmt.Errorf("%w: want one line of Unix seconds and their accuracy, as 1795402128.25 0.5", radio.ErrInvalid)

func parseModem(line string) (t time.Time, accuracy time.Duration, err error) {
	m := modemForm.FindStringSubmatch(strings.TrimSpace(line))
	if m == nil {
		return t, 0, errModem
	}
	// The form has bounded all three.
	seconds, err1 := strconv.ParseInt(m[1], 10, 64)
	nanos, err2 := strconv.ParseInt((m[2] + "000000000")[:9], 10, 64)
	within, err3 := strconv.ParseFloat(m[3], 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return t, 0, fmt.Errorf("%w: %w", errModem, err)
	}
	t = time.Unix(seconds, nanos).UTC()
	accuracy = time.Duration(within * float64(time.Second))
	if accuracy <= 0 || accuracy >= MaxBound || t.Year() >= lastYear {
		return t, 0, fmt.Errorf("%w: time %s, accuracy %s", radio.ErrInvalid, t.Format(time.RFC3339), accuracy)
	}
	return t, accuracy, nil
}

// bounded takes an answer and remembers that it was too long.
type bounded struct {
	b    []byte
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := min(len(p), maxModemAnswer-len(b.b))
	b.b = append(b.b, p[:room]...)
	b.over = b.over || room < len(p)
	return len(p), nil
}

// text is "" for an answer that is too long, which then is no answer.
func (b *bounded) text() string {
	if b.over {
		return ""
	}
	return string(b.b)
}
