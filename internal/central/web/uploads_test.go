package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"loaxa/internal/radio"
)

// tusHeader sets headers of the protocol; "-" takes one away.
func tusHeader(pairs ...string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Tus-Resumable", tusVersion)
		for i := 0; i < len(pairs); i += 2 {
			if r.Header.Set(pairs[i], pairs[i+1]); pairs[i+1] == "-" {
				r.Header.Del(pairs[i])
			}
		}
	}
}

func (h *house) tus(t testing.TB, method, path, body string, pairs ...string) *httptest.ResponseRecorder {
	t.Helper()
	return h.ask(t, method, path, body, tusHeader(pairs...))
}

func (h *house) piece(t testing.TB, path string, offset int, body string, pairs ...string) *httptest.ResponseRecorder {
	t.Helper()
	return h.tus(t, "PATCH", path, body, append([]string{"Content-Type", tusPiece, "Upload-Offset", strconv.Itoa(offset)}, pairs...)...)
}

// TestTusInPieces walks the protocol as a client does.
func TestTusInPieces(t *testing.T) {
	d := newDeskHouse(t)
	d.as("so", radio.RoleEditor, common)
	o := d.ask(t, "OPTIONS", "/api/v1/uploads", "")
	want(t, o, 204)
	for key, value := range map[string]string{"Tus-Version": "1.0.0", "Tus-Extension": "creation,termination,expiration", "Tus-Max-Size": "209715200", "Tus-Resumable": "1.0.0"} {
		if o.Header().Get(key) != value {
			t.Errorf("%s: %q", key, o.Header().Get(key))
		}
	}
	name := base64.StdEncoding.EncodeToString([]byte("bản tin.mp3"))
	c := d.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "9", "Upload-Metadata", "filetype YXVkaW8=,private,filename "+name)
	u := got[radio.Upload](t, c, 201)
	at := c.Header().Get("Location")
	if u.Name != "bản tin.mp3" || u.Length != 9 || u.Offset != 0 || at != "/api/v1/uploads/"+u.ID || c.Header().Get("Upload-Expires") != "Sun, 23 Nov 2025 02:30:00 GMT" {
		t.Fatalf("created %+v, %v", u, c.Header())
	}
	offset := func(want string) {
		t.Helper()
		w := d.tus(t, "HEAD", at, "")
		if w.Code != 200 || w.Header().Get("Upload-Offset") != want || w.Header().Get("Upload-Length") != "9" || w.Header().Get("Upload-Metadata") != "filetype YXVkaW8=,private,filename "+name || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("HEAD: %d %v, want %s", w.Code, w.Header(), want)
		}
	}
	offset("0")
	w := d.piece(t, at, 0, "abcd")
	if want(t, w, 204); w.Header().Get("Upload-Offset") != "4" || w.Header().Get("Tus-Resumable") != "1.0.0" {
		t.Errorf("PATCH: %v", w.Header())
	}
	kind, form := multipartForm(t, []field{{"title", "Tin"}, {"field", "1"}, {"upload", u.ID}})
	want(t, d.upload(t, "/api/v1/bulletins", kind, strings.NewReader(string(form))), 409, "Tệp chưa tải lên xong", "4 of 9 bytes")
	want(t, d.ask(t, "GET", "/bulletins/new", ""), 200, "bản tin.mp3", "chọn lại đúng tệp đó để tải tiếp")
	want(t, d.piece(t, at, 4, "efghi"), 204)
	offset("9")
	want(t, d.ask(t, "GET", "/bulletins/new", ""), 200, "đã tải xong")
	if l := got[uploadsAnswer](t, d.ask(t, "GET", "/api/v1/uploads", ""), 200); len(l.Uploads) != 1 || !l.Uploads[0].Whole() {
		t.Errorf("list %+v", l)
	}
	b := d.create(field{"title", "Tin"}, field{"field", "1"}, field{"upload", u.ID})
	if sum := sha256.Sum256([]byte("abcdefghi")); string(b.SourceSHA256) != hex.EncodeToString(sum[:]) {
		t.Errorf("source %s", b.SourceSHA256)
	}
	want(t, d.tus(t, "HEAD", at, ""), 404) // the desk has it

	// A draft's audio is replaced by an upload, too; one not wanted is dropped.
	u = got[radio.Upload](t, d.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "3"), 201)
	want(t, d.piece(t, "/api/v1/uploads/"+u.ID, 0, "xyz"), 204)
	want(t, d.api("PUT", b.Bulletin, "", `{"title":"Tin","field":1,"upload":"`+u.ID+`"}`), 200, hex.EncodeToString(func() []byte { s := sha256.Sum256([]byte("xyz")); return s[:] }()))
	u = got[radio.Upload](t, d.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "3"), 201)
	want(t, d.tus(t, "DELETE", "/api/v1/uploads/"+u.ID, ""), 204)
	want(t, d.tus(t, "DELETE", "/api/v1/uploads/"+u.ID, ""), 404)
	u = got[radio.Upload](t, d.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "3"), 201)
	want(t, d.ask(t, "POST", "/bulletins/uploads/"+u.ID+"/delete", ""), 303)
}

// Two requests that send pieces of one upload at the same time: the second is refused, and
// nothing of it is kept.
func TestTusOneWriter(t *testing.T) {
	h := newHouse(t)
	u := got[radio.Upload](t, h.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "9"), 201)
	at := "/api/v1/uploads/" + u.ID
	slow, feed := io.Pipe()
	first := make(chan int, 1)
	go func() {
		r := httptest.NewRequest("PATCH", at, slow)
		r.AddCookie(&http.Cookie{Name: "loaxa", Value: sessionToken})
		tusHeader("Content-Type", tusPiece, "Upload-Offset", "0")(r)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		first <- w.Code
	}()
	if _, err := io.WriteString(feed, "abc"); err != nil {
		t.Fatal(err)
	}
	second := h.piece(t, at, 0, "x")
	if want(t, second, 423, `"code":"locked"`); second.Header().Get("Retry-After") == "" {
		t.Error("no word when to try again")
	}
	want(t, h.tus(t, "HEAD", at, ""), 200)
	_, err := io.WriteString(feed, "def")
	if err := errors.Join(err, feed.Close()); err != nil {
		t.Fatal(err)
	}
	if status := <-first; status != 204 {
		t.Errorf("the first: %d", status)
	}
	want(t, h.piece(t, at, 6, "ghi"), 204)
}

// TestTusHostile: what a broken or a bad client sends.
func TestTusHostile(t *testing.T) {
	h := newHouse(t)
	u := got[radio.Upload](t, h.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "9"), 201)
	at := "/api/v1/uploads/" + u.ID
	want(t, h.piece(t, at, 0, "abc"), 204)
	for _, c := range []struct {
		name   string
		w      *httptest.ResponseRecorder
		status int
	}{
		{"no protocol", h.tus(t, "POST", "/api/v1/uploads", "", "Tus-Resumable", "-", "Upload-Length", "1"), 412},
		{"another protocol", h.tus(t, "HEAD", at, "", "Tus-Resumable", "0.2.2"), 412},
		{"no length", h.tus(t, "POST", "/api/v1/uploads", ""), 400},
		{"a deferred length", h.tus(t, "POST", "/api/v1/uploads", "", "Upload-Defer-Length", "1"), 400},
		{"a length that is none", h.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "-1"), 400},
		{"an empty file", h.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "0"), 422},
		{"too long", h.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "209715201"), 413},
		{"a name that is no Base64", h.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "1", "Upload-Metadata", "filename ***"), 400},
		{"metadata without a key", h.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "1", "Upload-Metadata", "a YQ==,,"), 400},
		{"a key twice", h.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "1", "Upload-Metadata", "a YQ==,a YQ=="), 400},
		{"endless metadata", h.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "1", "Upload-Metadata", strings.Repeat("a b,", 5000)), 400},
		{"another content type", h.piece(t, at, 3, "x", "Content-Type", "audio/mpeg"), 415},
		{"no offset", h.piece(t, at, 3, "x", "Upload-Offset", "-"), 400},
		{"an offset that is none", h.piece(t, at, 3, "x", "Upload-Offset", "3x"), 400},
		{"a piece again", h.piece(t, at, 0, "abc"), 409},
		{"a hole", h.piece(t, at, 5, "x"), 409},
		{"beyond the end", h.piece(t, at, 3, "defghij"), 422},
		{"no such upload", h.piece(t, "/api/v1/uploads/"+id[string]('q', 1), 0, "x"), 404},
		{"an id that is a path", h.tus(t, "HEAD", "/api/v1/uploads/"+url.PathEscape("../"+u.ID), ""), 404},
	} {
		if c.w.Code != c.status {
			t.Errorf("%s: %d, want %d: %s", c.name, c.w.Code, c.status, c.w.Body)
		}
	}
	if w := h.tus(t, "HEAD", at, ""); w.Header().Get("Upload-Offset") != "3" {
		t.Errorf("the upload stands at %s", w.Header().Get("Upload-Offset"))
	}
	for range 4 {
		want(t, h.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "1"), 201)
	}
	want(t, h.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "1"), 409, "Đang có 5 tệp tải dở")
	// Another person.
	h.people.is(&radio.Person{ID: id[radio.UserID]('u', 5), Name: "Khác", Grants: everyRole(radio.Everywhere)})
	for name, w := range map[string]*httptest.ResponseRecorder{
		"HEAD": h.tus(t, "HEAD", at, ""), "PATCH": h.piece(t, at, 3, "x"), "DELETE": h.tus(t, "DELETE", at, ""), "page": h.ask(t, "POST", "/bulletins/uploads/"+u.ID+"/delete", ""),
	} {
		if w.Code != 404 {
			t.Errorf("another person's upload, %s: %d", name, w.Code)
		}
	}
	want(t, h.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", "1"), 201) // has a quota of their own
}

// brokenLink forwards to a server and cuts connections after so many bytes each; the
// connections behind the list are left alone.
type brokenLink struct {
	net.Listener
	to   string
	cuts []int64
	n    atomic.Int64 // connections cut
	done sync.WaitGroup
}

func newBrokenLink(t *testing.T, to string, cuts ...int64) *brokenLink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &brokenLink{Listener: l, to: to, cuts: cuts}
	b.done.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return // closed with the test
			}
			b.done.Go(func() { b.forward(t, from) })
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		b.done.Wait()
	})
	return b
}

func (b *brokenLink) forward(t *testing.T, from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", b.to)
	if err != nil {
		t.Error(err)
		return
	}
	defer to.Close()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(from, to) // ends when either side goes
		_ = from.Close()
	})
	defer back.Wait()
	defer to.Close()
	if i := b.n.Load(); int(i) < len(b.cuts) {
		n, _ := io.CopyN(to, from, b.cuts[i])
		if n == b.cuts[i] {
			b.n.Add(1)
			return
		}
	}
	_, _ = io.Copy(to, from)
}

// TestUploadOverABrokenLink: a long file over a link that is cut again and again comes
// whole, and no byte twice.
func TestUploadOverABrokenLink(t *testing.T) {
	size := 100 << 20
	if testing.Short() {
		size = 5 << 20
	}
	d := newDeskHouse(t)
	d.as("so", radio.RoleEditor, common)
	site := httptest.NewServer(d)
	defer site.Close()
	part := int64(size / 7)
	link := newBrokenLink(t, site.Listener.Addr().String(), part, 2*part+1, 17_000, part+333, 500_000)
	file := make([]byte, size)
	if _, err := rand.NewChaCha8([32]byte{57}).Read(file); err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string, body io.Reader, pairs ...string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+link.Addr().String()+path, body)
		if err != nil {
			t.Fatal(err)
		}
		tusHeader(pairs...)(r)
		r.AddCookie(&http.Cookie{Name: "loaxa", Value: sessionToken})
		// A connection for each request, so that the link is cut where it says.
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Do(r)
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return resp, errors.Join(err, resp.Body.Close())
	}
	created, err := ask("POST", "/api/v1/uploads", nil, "Upload-Length", strconv.Itoa(size))
	if err != nil || created.StatusCode != 201 {
		t.Fatalf("create: %v %v", created, err)
	}
	at, requests := created.Header.Get("Location"), 0
	for offset := int64(0); offset < int64(size); requests++ {
		if requests > 50 {
			t.Fatalf("stuck at %d after %d cuts", offset, link.n.Load())
		}
		resp, err := ask("HEAD", at, nil)
		if err != nil {
			continue // the link was cut here
		}
		if offset, err = strconv.ParseInt(resp.Header.Get("Upload-Offset"), 10, 64); err != nil {
			t.Fatalf("HEAD: %s %v", resp.Status, err)
		}
		rest := file[offset:]
		resp, err = ask("PATCH", at, strings.NewReader(string(rest)), "Upload-Offset", fmt.Sprint(offset), "Content-Type", tusPiece)
		if err == nil && resp.StatusCode == 204 {
			offset += int64(len(rest))
		}
	}
	if n := link.n.Load(); n < 4 {
		t.Errorf("the link was cut %d times only", n)
	}
	t.Logf("%d bytes came with %d cuts in %d rounds", size, link.n.Load(), requests)
	sum := sha256.Sum256(file)
	b := d.create(field{"title", "Tin dài"}, field{"field", "1"}, field{"upload", strings.TrimPrefix(at, "/api/v1/uploads/")})
	if string(b.SourceSHA256) != hex.EncodeToString(sum[:]) {
		t.Errorf("what came is not what was sent: %s", b.SourceSHA256)
	}
}

func FuzzTusMetadata(f *testing.F) {
	f.Add("filename YmFu,filetype YXVkaW8=")
	f.Add("filename")
	f.Add(",, ,filename  x")
	f.Fuzz(func(t *testing.T, header string) {
		if words, err := metadata(header); err != nil && (words != nil || !errors.Is(err, radio.ErrInvalid)) || len(words) > maxWord {
			t.Errorf("%q: %q, %v", header, words, err)
		}
	})
}

func FuzzBulletinCursor(f *testing.F) {
	f.Add(writeBulletinCursor(radio.BulletinCursor{Later: true, CreatedAt: 5, ID: id[radio.BulletinID]('b', 1)}))
	f.Add("0.1.x")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := readBulletinCursor(text)
		if err != nil || text == "" {
			return
		}
		if again, err := readBulletinCursor(writeBulletinCursor(c)); err != nil || again != c {
			t.Errorf("%q: %+v, then %+v, %v", text, c, again, err)
		}
	})
}
