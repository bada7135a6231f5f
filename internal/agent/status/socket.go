package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"loaxa/internal/radio"
)

const (
	// maxAnswer bounds one status in JSON.
	maxAnswer = 4 << 20
	// answerWithin bounds one exchange.
	answerWithin = 5 * time.Second
	// maxClients at a time; a person looks, not a crowd.
	maxClients = 8
)

// Socket answers every connection with the status as one JSON object and a newline.
type Socket struct {
	path  string
	build func(context.Context) radio.Status
	log   *slog.Logger
}

// NewSocket only stores.
func NewSocket(path string, build func(context.Context) radio.Status, log *slog.Logger) *Socket {
	return &Socket{path: path, build: build, log: log}
}

// Run serves until ctx ends. It is an error of kind ErrConflict when another agent
// answers on the path.
func (s *Socket) Run(ctx context.Context) error {
	l, err := s.listen(ctx)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() {
		if err := l.Close(); err != nil {
			s.log.Warn("status socket not closed", "error", err)
		}
	})()
	var clients sync.WaitGroup
	defer clients.Wait()
	slots := make(chan struct{}, maxClients)
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return errors.Join(fmt.Errorf("accept on the status socket: %w", err), l.Close())
		}
		slots <- struct{}{}
		clients.Go(func() {
			defer func() { <-slots }()
			s.answer(ctx, conn)
		})
	}
}

func (s *Socket) listen(ctx context.Context) (net.Listener, error) {
	// What a killed agent left behind is in the way; a living one is not to be pushed out.
	if _, err := os.Lstat(s.path); err == nil {
		if _, err := Ask(ctx, s.path); err == nil {
			return nil, fmt.Errorf("%w: another agent answers on %s", radio.ErrConflict, s.path)
		}
		if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("remove an old status socket: %w", err)
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", s.path)
	if err != nil {
		return nil, fmt.Errorf("open the status socket: %w", err)
	}
	// The group may look (the installer's account), others may not.
	if err := os.Chmod(s.path, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("protect the status socket: %w", err), l.Close())
	}
	return l, nil
}

func (s *Socket) answer(ctx context.Context, conn net.Conn) {
	defer func() {
		if err := conn.Close(); err != nil {
			s.log.Debug("status connection not closed", "error", err)
		}
	}()
	b, err := json.Marshal(s.build(ctx))
	if err != nil {
		s.log.Error("status cannot be written as JSON", "error", err)
		return
	}
	// Mono time on purpose: a deadline on the wall clock breaks when that is set.
	if err := conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		s.log.Debug("status connection", "error", err)
		return
	}
	if _, err := conn.Write(append(b, '\n')); err != nil {
		s.log.Debug("status not taken", "error", err)
	}
}

// ErrNoAgent: nobody answers on the socket.
var ErrNoAgent = fmt.Errorf("%w: no agent answers on the status socket", radio.ErrUnavailable)

// Ask takes the status from a running agent.
func Ask(ctx context.Context, path string) (radio.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var s radio.Status
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return s, fmt.Errorf("%w (%s): is loaxa-agent running? %v", ErrNoAgent, path, err)
	}
	defer context.AfterFunc(ctx, func() {
		// Ends a read that waits; the second Close below is of no harm.
		_ = conn.Close()
	})()
	b, err := io.ReadAll(io.LimitReader(conn, maxAnswer))
	if err := errors.Join(err, conn.Close()); err != nil {
		return s, fmt.Errorf("%w (%s): %v", ErrNoAgent, path, err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("read the status: %w: %v", radio.ErrInvalid, err)
	}
	return s, nil
}
