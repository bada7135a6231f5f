// Package media serves audio files by their hash to enrolled devices, over HTTPS
// with Range and If-Range, so that a cut transfer goes on where it stopped. It
// receives the files from library (through Files) and the devices' names from
// identity (through Admission), and hands bytes to agent/fetch.
package media

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// Files opens an audio file by its hash; radio.ErrNotFound when there is none.
type Files interface {
	Open(h radio.SHA256) (file io.ReadSeekCloser, size int64, err error)
}

// Admission turns the certificate that a client showed into the device that may speak
// now. TLS has proven the key and the CA only: the certificate may have expired.
type Admission interface {
	Admit(ctx context.Context, leaf *x509.Certificate) (radio.DeviceID, error)
}

// Handler answers GET /media/{sha256}.
type Handler struct {
	files Files
	who   Admission
	log   *slog.Logger
	slots chan struct{}

	mu   sync.Mutex
	busy map[radio.DeviceID]int // transfers of each device that has one
}

// perDevice is how many files one device is sent at once. It asks for one at a time;
// the second is for a connection it has given up and we have not noticed yet.
const perDevice = 2

// writeTimeout ends a transfer that moves no bytes for that long; slow is fine.
const writeTimeout = 60 * time.Second

// New stores what it is given; transfers bounds the files sent at once; more
// devices are asked to come back.
func New(files Files, who Admission, transfers int, log *slog.Logger) *Handler {
	return &Handler{files: files, who: who, log: log, slots: make(chan struct{}, transfers), busy: map[radio.DeviceID]int{}}
}

// ServeHTTP sends one file, or the part asked for.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		http.Error(w, "a device certificate is needed", http.StatusUnauthorized)
		return
	}
	leaf := r.TLS.PeerCertificates[0]
	device, err := h.who.Admit(r.Context(), leaf)
	if err != nil {
		h.log.Warn("media refused", "error", err, "from", r.RemoteAddr)
		http.Error(w, "this certificate is not admitted", http.StatusForbidden)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	hash := radio.SHA256(strings.TrimPrefix(r.URL.Path, wire.MediaPath))
	if !hash.Valid() {
		http.Error(w, "not a SHA-256", http.StatusNotFound)
		return
	}
	if !h.enter(device) {
		// Spread those who wait over 1 to 4 seconds by their own name.
		w.Header().Set("Retry-After", strconv.Itoa(1+int(device[len(device)-1])%4))
		http.Error(w, "busy, come back", http.StatusServiceUnavailable)
		return
	}
	defer h.leave(device)
	still := func() error {
		_, err := h.who.Admit(r.Context(), leaf)
		return err
	}
	h.send(w, r, hash, device, still)
}

// enter takes a place for one transfer, unless all are taken or the device has its
// share.
func (h *Handler) enter(device radio.DeviceID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy[device] >= perDevice {
		return false
	}
	select {
	case h.slots <- struct{}{}:
		h.busy[device]++
		return true
	default:
		return false
	}
}

func (h *Handler) leave(device radio.DeviceID) {
	<-h.slots
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy[device]--; h.busy[device] == 0 {
		delete(h.busy, device)
	}
}

func (h *Handler) send(w http.ResponseWriter, r *http.Request, hash radio.SHA256, device radio.DeviceID, still func() error) {
	file, size, err := h.files.Open(hash)
	if errors.Is(err, radio.ErrNotFound) {
		http.Error(w, "no such audio", http.StatusNotFound)
		return
	}
	if err != nil {
		h.log.Error("open audio", "sha256", hash, "error", err)
		http.Error(w, "the audio cannot be read now", http.StatusServiceUnavailable)
		return
	}
	defer func() {
		if err := file.Close(); err != nil {
			h.log.Warn("close audio", "sha256", hash, "error", err)
		}
	}()
	w.Header().Set("ETag", `"`+string(hash)+`"`)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Content-Type", "audio/mpeg")
	h.log.Debug("media", "device", device, "sha256", hash, "bytes", size, "range", r.Header.Get("Range"))
	http.ServeContent(&pacedWriter{w, http.NewResponseController(w), h.log, still, time.Now()}, r, "", time.Time{}, file)
}

// admittedFor is how long an answer counts before a long transfer asks again: a device
// that was revoked is sent no more within a minute.
const admittedFor = 20 * time.Second

// pacedWriter gives each write its own deadline, so that a slow link may take as
// long as it needs and a dead one ends.
type pacedWriter struct {
	http.ResponseWriter
	control  *http.ResponseController
	log      *slog.Logger
	still    func() error // whether the device is still admitted
	admitted time.Time
}

func (p *pacedWriter) Write(b []byte) (int, error) {
	if now := time.Now(); now.Sub(p.admitted) > admittedFor {
		if err := p.still(); err != nil {
			p.log.Warn("transfer ended", "error", err)
			return 0, err
		}
		p.admitted = now
	}
	if err := p.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		p.log.Debug("media write deadline", "error", err)
	}
	return p.ResponseWriter.Write(b)
}
