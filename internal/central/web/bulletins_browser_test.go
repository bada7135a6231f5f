package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sounds "loaxa/audio"
	"loaxa/internal/radio"

	"loaxa/internal/e2e/browser"
)

// TestBulletinBrowser walks a bulletin's pages in a real browser: a file goes up over a
// link that breaks, its approver listens to real sound, and every page fits a phone.
func TestBulletinBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	tone, err := fs.ReadFile(sounds.Files(), "test-tone.mp3")
	if err != nil {
		t.Fatal(err)
	}
	// Two and a half pieces; what the browser plays is the tone alone.
	file := filepath.Join(t.TempDir(), "bản tin.mp3")
	source := append([]byte("cut"), make([]byte, 5<<19)...)
	if err := os.WriteFile(file, source, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(source)
	d := newDeskHouseWith(t, ears{frames: 163}) // as long as the tone
	d.Audio = fakeAudio{radio.SHA256(hex.EncodeToString(sum[:])): string(tone)}
	d.as("soan", radio.RoleEditor, common)
	var pieces atomic.Int32
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The link breaks in the second piece, and again when it is tried anew.
		if n := pieces.Load(); r.Method == http.MethodPatch && pieces.Add(1) > 0 && (n == 1 || n == 2) {
			panic(http.ErrAbortHandler)
		}
		d.ServeHTTP(w, r)
	}))
	defer site.Close()
	defer d.Live.Close() // else the stream of events holds the server
	b := browser.Open(t)
	look := func(name string, says ...string) {
		t.Helper()
		for _, width := range []int{360, 1280} {
			for _, text := range b.Faults(width) {
				t.Errorf("%s at %d: %s", name, width, text)
			}
			if *pictures != "" {
				b.Photograph(filepath.Join(*pictures, fmt.Sprintf("%s-%d.png", name, width)))
			}
		}
		var text string
		b.Eval(`return document.body.innerText`, &text)
		for _, s := range says {
			if !strings.Contains(text, s) {
				t.Errorf("%s: the page lacks %q:\n%s", name, s, text)
			}
		}
	}
	await := func(what, script string) {
		t.Helper()
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.After(40 * time.Second); ; {
			var done bool
			if b.Eval(script, &done); done {
				return
			}
			select {
			case <-deadline:
				var text string
				b.Eval(`return document.body.innerText`, &text)
				t.Fatalf("%s does not come:\n%s", what, text)
			case <-tick.C:
			}
		}
	}

	b.Resize(360, 800)
	b.Visit(site.URL + "/login")
	b.Type("[name=login]", "lan")
	b.Type("[name=password]", password)
	b.Click("main button")
	b.Visit(site.URL + "/bulletins")
	look("bulletins-empty", "Không có bản tin nào.")
	b.Click(`a[href="/bulletins/new"]`)
	look("bulletin-new", "Lưu bản nháp")
	b.Type("[name=title]", "Nghị quyết 57 và bình dân học vụ số")
	b.Type("[name=summary]", "Vì sao khoa học, công nghệ là đột phá hàng đầu")
	b.Type("[name=audio]", file)
	await("the upload", `return document.getElementById('upload-state').textContent.includes('Đã tải xong') && !document.getElementById('save').disabled`)
	if n := pieces.Load(); n != 5 {
		t.Errorf("%d pieces were sent, want 3 and two that broke", n)
	}
	look("bulletin-uploaded", "Đã tải xong tệp.")
	// The page is loaded anew: the finished upload is still there to be chosen.
	b.Visit(site.URL + "/bulletins/new")
	look("bulletin-new-again", "bản tin.mp3", "đã tải xong")
	b.Type("[name=title]", "Nghị quyết 57 và bình dân học vụ số")
	b.Eval(`document.querySelector('#uploads input[data-name]').click()`, nil)
	b.Click("#save")
	look("bulletin-draft", "Bản nháp", "vẫn dùng được", "tệp tải lên bị thiếu phần cuối")
	b.Click(`a[href$="/edit"]`)
	look("bulletin-edit", "giữ tệp đang có")
	b.Click("#save")
	b.Eval(`document.querySelector('[name=confirm_cut_off]').click()`, nil)
	b.Click(`form[action$="/submit"] button`)
	look("bulletin-pending", "Chờ duyệt", "Rút lại để sửa")
	var address string
	b.Eval(`return location.href`, &address)

	d.as("duyet", radio.RoleApprover, common)
	d.started = time.Now()
	b.Visit(address)
	look("bulletin-listen", "Phải nghe hết trước khi duyệt. Đã nghe 0 %")
	var disabled bool
	if b.Eval(`return document.getElementById('approve').disabled`, &disabled); !disabled {
		t.Error("the approver may approve without listening")
	}
	// Skipping to the end is not listening.
	b.Press(".wave") // a person's click begins to play
	await("the sound", `return document.querySelector('audio').currentTime > 0`)
	b.Eval(`const a = document.querySelector('audio'); a.currentTime = a.duration - 1.5`, nil)
	await("the end", `return document.querySelector('audio').ended`)
	await("the report", `return /Đã nghe [1-9]/.test(document.getElementById('heard').textContent)`)
	if b.Eval(`return document.getElementById('approve').disabled`, &disabled); !disabled {
		t.Error("skipping to the end counts as listening")
	}
	b.Eval(`const a = document.querySelector('audio'); a.currentTime = 0; a.play()`, nil)
	await("listening", `return document.getElementById('heard').textContent === 'Đã nghe hết.' && !document.getElementById('approve').disabled`)
	look("bulletin-heard", "Đã nghe hết.")
	b.Type("[name=key_password]", rightKey)
	b.Type("[name=code]", "123456")
	b.Click("#approve")
	look("bulletin-approved", "Đã duyệt", "Đã về thiết bị", "Lịch sử")
	b.Eval(`document.querySelectorAll('details').forEach(d => d.open = true)`, nil)
	b.Type("[name=why]", "sai số liệu")
	b.Click(`form:has([value=withdrawn]) button`)
	look("bulletin-withdrawn", "Thu hồi khỏi thiết bị", "sai số liệu")
	b.Visit(site.URL + "/bulletins?q=binh+dan+hoc+vu")
	look("bulletins-found", "Nghị quyết 57", "Thu hồi")
}
