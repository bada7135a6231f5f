// Package browser drives a real Chromium for tests, by the W3C WebDriver protocol, and
// looks at pages as a person on a phone would have to use them. It is used by the tests
// of central/web and of e2e.
package browser

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

// Browser is a real Chromium, spoken to by the W3C WebDriver protocol.
type Browser struct {
	t       *testing.T
	session string // address of the session
}

var driverReady = regexp.MustCompile(`started successfully on port (\d+)`)

// start starts chromedriver, which ends with the test; without a session it has ended
// already, and what it said is returned.
func (b *Browser) start(path string) (said string) {
	b.t.Helper()
	driver := exec.Command(path, "--port=0")
	out, err := driver.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	driver.Stderr = driver.Stdout
	if err := driver.Start(); err != nil {
		b.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := driverReady.FindStringSubmatch(lines.Text()); m != nil {
			b.session = "http://127.0.0.1:" + m[1] + "/session"
			break
		}
		said += lines.Text() + "\n"
	}
	if b.session == "" {
		_ = driver.Process.Kill() // it has closed what it says, or says too much
		return fmt.Sprint(said, lines.Err(), driver.Wait())
	}
	b.t.Cleanup(func() {
		if err := driver.Process.Kill(); err != nil {
			b.t.Errorf("end chromedriver: %v", err)
		}
		_ = driver.Wait() // it was killed: that is what Wait says
	})
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	return ""
}

// Open starts chromedriver and one headless browser; both end with the test.
func Open(t *testing.T) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromedriver")
	if err != nil {
		t.Fatal("chromedriver is not installed: run `make deps-test`")
	}
	b := &Browser{t: t}
	// It takes a free port of IPv4 and wants the same of IPv6: where another has that one, it
	// ends, and is started again.
	said := ""
	for try := 0; b.session == "" && try < 5; try++ {
		said = b.start(path)
	}
	if b.session == "" {
		t.Fatalf("chromedriver does not start: %s", said)
	}
	args := []string{"--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--lang=vi", "--mute-audio", "--user-data-dir=" + t.TempDir()}
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

// errStale: the element was found and is in the page no more.
var errStale = errors.New("webdriver: stale element")

// do sends one command; value gets the answer.
func (b *Browser) do(method, path string, body, value any) {
	b.t.Helper()
	if err := b.try(method, path, body, value); err != nil {
		b.t.Fatal(err)
	}
}

func (b *Browser) try(method, path string, body, value any) error {
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
	client := http.Client{Timeout: patience}
	resp, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("webdriver %s: %w", path, err)
	}
	got, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err == nil && bytes.Contains(got, []byte(`"stale element reference"`)) {
		return errStale
	}
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("webdriver %s: %s %.600s %v", path, resp.Status, got, err)
	}
	answer := struct{ Value any }{value}
	if err := json.Unmarshal(got, &answer); err != nil {
		return fmt.Errorf("webdriver %s: %w in %.300s", path, err, got)
	}
	return nil
}

// Visit opens an address.
func (b *Browser) Visit(url string) {
	b.t.Helper()
	b.do(http.MethodPost, "/url", map[string]string{"url": url}, nil)
}

// Eval runs the body of a function in the page; value gets what it returns.
func (b *Browser) Eval(script string, value any, args ...any) {
	b.t.Helper()
	b.do(http.MethodPost, "/execute/sync", map[string]any{"script": script, "args": append([]any{}, args...)}, value)
}

// element is the W3C name under which an element's reference stands.
const element = "element-6066-11e4-a52e-4f735466cecf"

// Find gives the reference of the first element; it fails the test when there is none.
func (b *Browser) Find(css string) string {
	b.t.Helper()
	var found map[string]string
	b.do(http.MethodPost, "/element", map[string]string{"using": "css selector", "value": css}, &found)
	return "/element/" + found[element]
}

// Type writes into a field.
func (b *Browser) Type(css, text string) {
	b.t.Helper()
	b.touch(css, "/value", map[string]string{"text": text})
}

// touch does something to an element. A part that the page itself replaces between finding
// and touching is looked for again, as a person would.
func (b *Browser) touch(css, what string, body any) {
	b.t.Helper()
	err := errStale
	for n := 0; n < 3 && errors.Is(err, errStale); n++ {
		err = b.try(http.MethodPost, b.Find(css)+what, body, nil)
	}
	if err != nil {
		b.t.Fatalf("%s of %s: %v", what, css, err)
	}
}

// Click opens another page, and waits until it is there: WebDriver itself waits only
// for a navigation that has begun when the click returns.
func (b *Browser) Click(css string) {
	b.t.Helper()
	b.Eval(`document.beforeClick = true`, nil)
	b.Press(css)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); ; {
		select {
		case <-deadline:
			b.t.Fatalf("a click on %s opens nothing; the page says:\n%s", css, b.Text())
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

// Resize gives the page the size of a screen; a phone's is narrower than a window can be.
func (b *Browser) Resize(width, height int) {
	b.t.Helper()
	b.cdp("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	b.cdp("Emulation.setScrollbarsHidden", map[string]any{"hidden": true}, nil)
}

func (b *Browser) cdp(cmd string, params, value any) {
	b.t.Helper()
	b.do(http.MethodPost, "/goog/cdp/execute", map[string]any{"cmd": cmd, "params": params}, value)
}

// Paper shows the page as it is printed, or with false on the screen again.
func (b *Browser) Paper(on bool) {
	b.t.Helper()
	media := ""
	if on {
		media = "print"
	}
	b.cdp("Emulation.setEmulatedMedia", map[string]any{"media": media}, nil)
}

// Authenticator gives the browser a passkey holder of its own whose user is always there
// and shows a finger (WebAuthn §11.2).
func (b *Browser) Authenticator() {
	b.t.Helper()
	b.do(http.MethodPost, "/webauthn/authenticator", map[string]any{"protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
		"hasUserVerification": true, "isUserVerified": true, "isUserConsenting": true}, nil)
}

// Complaints are what the browser's console says since the last call.
func (b *Browser) Complaints() []string {
	b.t.Helper()
	var log []struct{ Level, Message string }
	b.do(http.MethodPost, "/se/log", map[string]string{"type": "browser"}, &log)
	var out []string
	for _, l := range log {
		out = append(out, fmt.Sprintf("%s %s", l.Level, l.Message))
	}
	return out
}

// Photograph keeps the whole page as a picture.
func (b *Browser) Photograph(file string) {
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

// Press clicks what opens no other page.
func (b *Browser) Press(css string) {
	b.t.Helper()
	b.touch(css, "/click", map[string]any{})
}

// Choose takes the option of a select that has the value or shows the words.
func (b *Browser) Choose(css, option string) {
	b.t.Helper()
	var found bool
	b.Eval(`const s = document.querySelector(arguments[0]);
const o = [...s.options].find(o => o.value === arguments[1] || o.text === arguments[1]);
if (o) { s.value = o.value; s.dispatchEvent(new Event('change', {bubbles: true})); }
return Boolean(o)`, &found, css, option)
	if !found {
		b.t.Fatalf("%s offers no %q", css, option)
	}
}

// Texts gives what each of the elements shows.
func (b *Browser) Texts(css string) []string {
	b.t.Helper()
	var out []string
	b.Eval(`return [...document.querySelectorAll(arguments[0])].map(e => e.innerText.trim())`, &out, css)
	return out
}

// Has says whether the page has such an element.
func (b *Browser) Has(css string) bool {
	b.t.Helper()
	var found bool
	b.Eval(`return document.querySelector(arguments[0]) !== null`, &found, css)
	return found
}

// Status is the HTTP status with which the page came.
func (b *Browser) Status() int {
	b.t.Helper()
	var status int
	b.Eval(`return performance.getEntriesByType('navigation')[0].responseStatus`, &status)
	return status
}

// Address is where the browser is.
func (b *Browser) Address() string {
	b.t.Helper()
	var address string
	b.Eval(`return location.href`, &address)
	return address
}

// Cookies are those the page's host gets, for a program that goes on in the session.
func (b *Browser) Cookies() []*http.Cookie {
	b.t.Helper()
	var jar []struct{ Name, Value string }
	b.do(http.MethodGet, "/cookie", nil, &jar)
	out := make([]*http.Cookie, len(jar))
	for i, c := range jar {
		out[i] = &http.Cookie{Name: c.Name, Value: c.Value}
	}
	return out
}

// Text is all that the page shows.
func (b *Browser) Text() string {
	b.t.Helper()
	var text string
	b.Eval(`return document.body.innerText`, &text)
	return text
}

// patience is for a page on a machine that has much else to do.
const patience = 90 * time.Second

// Await asks the page until the body of a function returns true; what says what was
// waited for.
func (b *Browser) Await(what, script string) {
	b.t.Helper()
	b.AwaitWithin(patience, what, script)
}

// AwaitWithin is Await with a deadline of its own.
func (b *Browser) AwaitWithin(limit time.Duration, what, script string) {
	b.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(limit); ; {
		var done bool
		err := b.try(http.MethodPost, "/execute/sync", map[string]any{"script": script, "args": []any{}}, &done)
		if err == nil && done {
			return
		}
		select {
		case <-deadline:
			b.t.Fatalf("%s does not come; the page says:\n%s", what, b.Text())
		case <-tick.C:
		}
	}
}

// Faults lists what is wrong with the page at a screen's width.
func (b *Browser) Faults(width int) []string {
	b.t.Helper()
	b.Resize(width, 800)
	var bad []string
	b.Eval(faults, &bad, width)
	return bad
}

// faults looks at a page as a person on a phone would have to use it, and lists what
// is wrong: WCAG 2.2 contrast (1.4.3), names of inputs (4.1.2), size of targets (2.5.8,
// where we ask for 44 pixels of what is pressed often), and no sideways scrolling.
const faults = `
const out = [];
const root = document.documentElement;
if (root.scrollWidth > arguments[0]) out.push('the page is ' + root.scrollWidth + ' wide');
if (!['vi', 'en'].includes(root.lang)) out.push('no language');
if (document.querySelectorAll('h1').length !== 1) out.push('not one h1');
const shown = e => e.checkVisibility() && e.getClientRects().length > 0;
const name = e => e.tagName.toLowerCase() + ' "' + (e.name || e.textContent || '').trim().slice(0, 40) + '"';
for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
	const label = [...(e.labels || [])].map(l => l.textContent.trim()).join('') || e.getAttribute('aria-label');
	if (!label) out.push(name(e) + ' has no label');
}
for (const e of document.querySelectorAll('button, input:not([type=hidden]), select, header nav a, .button, .tiles a, summary')) {
	if (shown(e) && e.getBoundingClientRect().height < 43.5) out.push(name(e) + ' is ' + e.getBoundingClientRect().height + ' high');
}
for (const e of document.querySelectorAll('a')) {
	if (shown(e) && e.getBoundingClientRect().height < 24 && !e.closest('p, dd, .skip')) out.push(name(e) + ' is a link of ' + e.getBoundingClientRect().height);
}
for (const e of document.querySelectorAll('img')) if (!e.hasAttribute('alt')) out.push('an image without alt');
for (const e of document.querySelectorAll('.tag')) if (!e.textContent.trim()) out.push('a state by colour alone');
for (const e of document.querySelectorAll('td .tag, li .tag, h2 .tag')) {
	const room = e.parentElement.getBoundingClientRect();
	if (shown(e) && e.getBoundingClientRect().right > room.right + 1) out.push(name(e) + ' lies over what stands beside it');
}
const rgb = c => c.match(/[\d.]+/g).map(Number);
const light = c => rgb(c).slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (rgb(c)[3] !== 0) return c; } return 'rgb(255, 255, 255)'; };
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
	const e = texts.currentNode.parentElement;
	if (!texts.currentNode.textContent.trim() || !shown(e) || e.closest('.skip, :disabled')) continue;
	const [a, b] = [light(getComputedStyle(e).color), light(behind(e))];
	const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
	if (contrast < 4.5) out.push(name(e) + ' has a contrast of ' + contrast.toFixed(2));
}
return [...new Set(out)];`
