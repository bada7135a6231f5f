package broker

import (
	"context"
	"log/slog"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// limitedLog keeps what strangers cause from filling the log: ten lines at once, then
// one a second, which tells how many were left out.
type limitedLog struct {
	log     *slog.Logger
	limiter *rate.Limiter
	omitted atomic.Int64
}

func newLimitedLog(log *slog.Logger) *limitedLog {
	return &limitedLog{log: log, limiter: rate.NewLimiter(1, 10)}
}

func (l *limitedLog) warn(msg string, args ...any)  { l.say(slog.LevelWarn, msg, args...) }
func (l *limitedLog) error(msg string, args ...any) { l.say(slog.LevelError, msg, args...) }
func (l *limitedLog) debug(msg string, args ...any) {
	l.log.Debug(msg, args...)
}

func (l *limitedLog) say(level slog.Level, msg string, args ...any) {
	if !l.limiter.Allow() {
		l.omitted.Add(1)
		return
	}
	if n := l.omitted.Swap(0); n > 0 {
		args = append(args, "omitted", n)
	}
	l.log.Log(context.Background(), level, msg, args...)
}

// libraryLog is the library's logger: warnings and worse, limited, and without the
// packets it attaches whole (256 KiB of payload a line).
type libraryLog struct{ to *limitedLog }

// Enabled keeps the library from preparing what is not written.
func (h libraryLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle passes on the text and the small attributes.
func (h libraryLog) Handle(_ context.Context, r slog.Record) error {
	args := make([]any, 0, 2*r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "error", "client", "listener", "remote":
			args = append(args, a.Key, a.Value.String())
		}
		return true
	})
	h.to.say(r.Level, "mqtt library: "+r.Message, args...)
	return nil
}

// WithAttrs and WithGroup add nothing: what the library adds (hook, listener) says
// nothing here.
func (h libraryLog) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h libraryLog) WithGroup(string) slog.Handler      { return h }
