package web

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"
)

// browser is a real Chromium, spoken to by the W3C WebDriver protocol.
type browser struct {
	t       *testing.T
	session string // address of the session
}

var driverReady = regexp.MustCompile(`started successfully on port (\d+)`)

// openBrowser starts chromedriver and one headless browser; both end with the test.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromedriver")
	if err != nil {
		t.Fatal("chromedriver is not installed: run `make deps-test`")
	}
	driver := exec.Command(path, "--port=0")
	out, err := driver.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := driver.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := driver.Process.Kill(); err != nil {
			t.Errorf("end chromedriver: %v", err)
		}
		_ = driver.Wait() // it was killed: that is what Wait says
	})
	b := &browser{t: t}
	lines := bufio.NewScanner(out)
	for b.session == "" && lines.Scan() {
		if m := driverReady.FindStringSubmatch(lines.Text()); m != nil {
			b.session = "http://127.0.0.1:" + m[1] + "/session"
		}
	}
	if b.session == "" {
		t.Fatalf("chromedriver did not start: %v", lines.Err())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process

	args := []string{"--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--lang=vi", "--user-data-dir=" + t.TempDir()}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // root has no sandbox; what is opened is our own page
	}
	var opened struct{ SessionID string }
	b.do(http.MethodPost, "", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"browserName": "chrome", "goog:loggingPrefs": map[string]string{"browser": "ALL"}, "goog:chromeOptions": map[string]any{"args": args},
	}}}, &opened)
	b.session += "/" + opened.SessionID
	t.Cleanup(func() { b.do(http.MethodDelete, "", nil, nil) })
	return b
}

// do sends one command; value gets the answer.
func (b *browser) do(method, path string, body, value any) {
	b.t.Helper()
	if err := b.try(method, path, body, value); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) try(method, path string, body, value any) error {
	var sent io.Reader
	if method == http.MethodPost {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	r, err := http.NewRequest(method, b.session+path, sent)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: time.Minute}
	resp, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("webdriver %s: %w", path, err)
	}
	got, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("webdriver %s: %s %.600s %v", path, resp.Status, got, err)
	}
	answer := struct{ Value any }{value}
	if err := json.Unmarshal(got, &answer); err != nil {
		return fmt.Errorf("webdriver %s: %w in %.300s", path, err, got)
	}
	return nil
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.do(http.MethodPost, "/url", map[string]string{"url": url}, nil)
}

// eval runs the body of a function in the page; value gets what it returns.
func (b *browser) eval(script string, value any, args ...any) {
	b.t.Helper()
	b.do(http.MethodPost, "/execute/sync", map[string]any{"script": script, "args": append([]any{}, args...)}, value)
}

// element is the W3C name under which an element's reference stands.
const element = "element-6066-11e4-a52e-4f735466cecf"

func (b *browser) find(css string) string {
	b.t.Helper()
	var found map[string]string
	b.do(http.MethodPost, "/element", map[string]string{"using": "css selector", "value": css}, &found)
	return "/element/" + found[element]
}

func (b *browser) typeIn(css, text string) {
	b.t.Helper()
	b.do(http.MethodPost, b.find(css)+"/value", map[string]string{"text": text}, nil)
}

// click opens another page, and waits until it is there: WebDriver itself waits only
// for a navigation that has begun when the click returns.
func (b *browser) click(css string) {
	b.t.Helper()
	b.eval(`document.beforeClick = true`, nil)
	b.do(http.MethodPost, b.find(css)+"/click", map[string]any{}, nil)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); ; {
		select {
		case <-deadline:
			b.t.Fatalf("a click on %s opens nothing", css)
		case <-tick.C:
		}
		var there bool
		// Between two pages there is nothing to ask: that is an error, and no answer yet.
		err := b.try(http.MethodPost, "/execute/sync", map[string]any{"script": `return !document.beforeClick && document.readyState === 'complete'`, "args": []any{}}, &there)
		if err == nil && there {
			return
		}
	}
}

// resize gives the page the size of a screen; a phone's is narrower than a window can be.
func (b *browser) resize(width, height int) {
	b.t.Helper()
	b.cdp("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	b.cdp("Emulation.setScrollbarsHidden", map[string]any{"hidden": true}, nil)
}

func (b *browser) cdp(cmd string, params, value any) {
	b.t.Helper()
	b.do(http.MethodPost, "/goog/cdp/execute", map[string]any{"cmd": cmd, "params": params}, value)
}

// complaints are what the browser's console says since the last call.
func (b *browser) complaints() []string {
	b.t.Helper()
	var log []struct{ Level, Message string }
	b.do(http.MethodPost, "/se/log", map[string]string{"type": "browser"}, &log)
	var out []string
	for _, l := range log {
		out = append(out, fmt.Sprintf("%s %s", l.Level, l.Message))
	}
	return out
}

// photograph keeps the whole page as a picture.
func (b *browser) photograph(file string) {
	b.t.Helper()
	var shot struct{ Data string }
	b.cdp("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err == nil {
		err = os.WriteFile(file, png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
