package media

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

type memory map[radio.SHA256][]byte

func (m memory) Open(h radio.SHA256) (io.ReadSeekCloser, int64, error) {
	b, ok := m[h]
	if !ok {
		return nil, 0, fmt.Errorf("audio: %w", radio.ErrNotFound)
	}
	return struct {
		*bytes.Reader
		io.Closer
	}{bytes.NewReader(b), io.NopCloser(nil)}, int64(len(b)), nil
}

type gate struct{ err error }

func (g gate) Admit(context.Context, *x509.Certificate) (radio.DeviceID, error) {
	return radio.NewID[radio.DeviceID](), g.err
}

func ask(t *testing.T, h http.Handler, method, path string, head map[string]string, withCert bool) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for k, v := range head {
		r.Header.Set(k, v)
	}
	if withCert {
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestMedia(t *testing.T) {
	data := bytes.Repeat([]byte("loa xã "), 1000)
	sum := sha256.Sum256(data)
	hash := radio.SHA256(hex.EncodeToString(sum[:]))
	files := memory{hash: data}
	log := slog.New(slog.DiscardHandler)
	h := New(files, gate{}, 4, log)
	etag := `"` + string(hash) + `"`
	path := wire.MediaPath + string(hash)
	cases := map[string]struct {
		h      http.Handler
		method string
		path   string
		head   map[string]string
		cert   bool
		status int
		body   []byte
	}{
		"whole file":               {h, "GET", path, nil, true, 200, data},
		"rest of a cut transfer":   {h, "GET", path, map[string]string{"Range": "bytes=4000-", "If-Range": etag}, true, 206, data[4000:]},
		"range of another version": {h, "GET", path, map[string]string{"Range": "bytes=4000-", "If-Range": `"other"`}, true, 200, data},
		"no certificate":           {h, "GET", path, nil, false, 401, nil},
		"revoked device":           {New(files, gate{radio.ErrForbidden}, 4, log), "GET", path, nil, true, 403, nil},
		"unknown hash":             {h, "GET", wire.MediaPath + string(hash[:63]) + "0", nil, true, 404, nil},
		"path tricks":              {h, "GET", wire.MediaPath + "../../etc/passwd", nil, true, 404, nil},
		"post":                     {h, "POST", path, nil, true, 405, nil},
		"busy":                     {New(files, gate{}, 0, log), "GET", path, nil, true, 503, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			resp := ask(t, c.h, c.method, c.path, c.head, c.cert)
			if resp.StatusCode != c.status {
				t.Fatalf("status %d, want %d", resp.StatusCode, c.status)
			}
			got, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if c.body != nil && !bytes.Equal(got, c.body) {
				t.Fatalf("%d bytes, want %d", len(got), len(c.body))
			}
			if c.status == 503 && resp.Header.Get("Retry-After") == "" {
				t.Fatal("busy without Retry-After")
			}
		})
	}
}
