package export

import (
	"context"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
)

const (
	// atOnce bounds the files being made: each holds a reading connection of the database,
	// and pages must not wait for files. One person makes one at a time.
	atOnce = 2
	// longest is how long one file may take. It holds a snapshot of the log, behind which
	// the database keeps everything that changes.
	longest = 15 * time.Minute
	// again is when to ask again for what had no turn.
	again = 30 * time.Second
)

// noTurn says that somebody has to wait: for the own file that is being made, or for
// those of others.
type noTurn struct{ own bool }

func (n noTurn) Error() string {
	if n.own {
		return fmt.Sprintf("%v: a file of the log is being made for this account already; wait until it is there", radio.ErrUnavailable)
	}
	return fmt.Sprintf("%v: %d files of the log are being made already; try again in %d seconds", radio.ErrUnavailable, atOnce, int(again.Seconds()))
}

func (noTurn) Unwrap() error { return radio.ErrUnavailable }

// Vietnamese is the reason for people.
func (n noTurn) Vietnamese() string {
	if n.own {
		return "Tài khoản này đang tải một tệp nhật ký khác. Hãy đợi tệp đó tải xong rồi thử lại."
	}
	return fmt.Sprintf("Máy chủ đang xuất %d tệp nhật ký cho người khác. Hãy thử lại sau %d giây.", atOnce, int(again.Seconds()))
}

// RetryAfter is when it may work.
func (noTurn) RetryAfter() time.Duration { return again }

// Crowded says that others are in the way, not the one who asks.
func (n noTurn) Crowded() bool { return !n.own }

// tooLong ends a file that nobody takes fast enough, or that is too large.
type tooLong struct{ error }

// Vietnamese is the reason for people.
func (tooLong) Vietnamese() string {
	return fmt.Sprintf("Tệp cần hơn %d phút để xuất nên đã dừng. Hãy chọn ít ngày hơn.", int(longest.Minutes()))
}

// Unwrap makes it what may work another time.
func (t tooLong) Unwrap() []error { return []error{radio.ErrUnavailable, t.error} }

// turn runs the making of one file, bounded in time. It waits for nothing: who has no
// turn is asked to come again.
func (e *Exporter) turn(ctx context.Context, owner string, do func(context.Context) error) error {
	if err := e.enter(owner); err != nil {
		return err
	}
	defer e.leave(owner)
	limited, cancel := context.WithTimeout(ctx, e.longest)
	defer cancel()
	err := do(limited)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return tooLong{fmt.Errorf("a file of the log takes more than %s: choose fewer days: %w", e.longest, err)}
	}
	return err
}

// Turn runs the making of another file of the log in turn with these, for its owner.
func (e *Exporter) Turn(ctx context.Context, owner string, do func(context.Context) error) error {
	return e.turn(ctx, owner, do)
}

func (e *Exporter) enter(owner string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if slices.Contains(e.making, owner) {
		return noTurn{own: true}
	}
	if len(e.making) >= atOnce {
		return noTurn{}
	}
	e.making = append(e.making, owner)
	return nil
}

func (e *Exporter) leave(owner string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.making = slices.DeleteFunc(e.making, func(o string) bool { return o == owner })
}
