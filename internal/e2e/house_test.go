package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// programs holds the two binaries and the folder that TestMain removes.
var programs struct{ dir, centre, agent, fleet string }

// build makes the programs once, for the first test that needs them.
var build = sync.OnceValue(func() error {
	programs.centre, programs.agent = filepath.Join(programs.dir, "loaxa"), filepath.Join(programs.dir, "loaxa-agent")
	programs.fleet = filepath.Join(programs.dir, "loaxa-fleet")
	out, err := exec.Command("go", "build", "-o", programs.dir, "loaxa/cmd/loaxa", "loaxa/cmd/loaxa-agent", "loaxa/cmd/loaxa-fleet").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
})

func TestMain(m *testing.M) {
	flag.Parse()
	code := 1
	err := flag.Set("test.parallel", "1000") // see lane
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if programs.dir, err = os.MkdirTemp("", "loaxa-e2e-"); err == nil {
		code = m.Run()
		err = os.RemoveAll(programs.dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const (
	zone   = "Asia/Ho_Chi_Minh"
	author = "lan"
	second = "hoa"
	secret = "mat-khau-de-thu"
	// keySecret opens the keys of those who approve.
	keySecret = "cau-noi-de-ky-tin"
)

// house is one province of its own: a centre process and its agents.
type house struct {
	t      *testing.T
	dir    string
	ports  struct{ people, devices, mqtt int }
	extra  []string // environment of the centre
	centre *process
	client *http.Client
	api    sync.Once
	routes routers.Router // of the API, as the running centre describes it
	// recovery are the recovery codes of who has a second factor.
	recovery map[string]*recovery
	// jars are the sessions of who has signed in.
	jars map[string]http.CookieJar
}

// process is a child that is stopped with its test.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error
}

func startProcess(t *testing.T, name, log string, cmd *exec.Cmd) *process {
	t.Helper()
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(errors.Join(err, f.Close()))
	}
	p := &process{name: name, cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		p.err = errors.Join(cmd.Wait(), f.Close())
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			b, err := os.ReadFile(log)
			t.Logf("log of %s (%v):\n%s", name, err, tail(b, 6000))
		}
	})
	return p
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// stop asks with SIGTERM and insists after 15 s, which is a failure.
func (p *process) stop(t *testing.T) {
	select {
	case <-p.done:
		return
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("stop %s: %v", p.name, err)
	}
	select {
	case <-p.done:
		if p.err != nil {
			t.Errorf("%s ended with %v", p.name, p.err)
		}
	case <-time.After(15 * time.Second):
		t.Errorf("%s did not end within 15 s of SIGTERM", p.name)
		p.kill(t)
	}
}

// kill is a power cut: the whole group at once, nothing is asked.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Errorf("kill %s: %v", p.name, err)
	}
	<-p.done
}

// newHouse lays down a province with the devices named and starts its centre.
func newHouse(t *testing.T, devices []string, extra ...string) *house {
	t.Helper()
	if testing.Short() {
		t.Skip("the whole house runs without -short only: it starts processes and waits for a due minute")
	}
	if err := build(); err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, dir: t.TempDir(), extra: extra}
	ports := make([]int, 3)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	h.ports.people, h.ports.devices, h.ports.mqtt = ports[0], ports[1], ports[2]
	h.client = &http.Client{Timeout: 30 * time.Second}
	h.twoPeople()
	h.write("areas.yaml", "areas:\n  - {code: tinh, kind: province, name: Tỉnh thử, zone: "+zone+"}\n"+
		"  - {code: xa, kind: commune, name: Xã thử, parent: tinh}\n  - {code: thon, kind: hamlet, name: Thôn thử, parent: xa}\n"+
		"policies:\n  - {area: tinh, label: thử, windows: [{from: \"00:00\", to: \"24:00\"}]}\ndevices:\n"+deviceLines(devices))
	h.importPlan()
	h.command("", "key", "root", "--plain", "--out", filepath.Join(h.dir, "root.jwk"))
	broker := "mqtts://127.0.0.1:" + strconv.Itoa(h.ports.mqtt)
	h.command("", "key", "sign", "--root", filepath.Join(h.dir, "root.jwk"), "--broker", broker, "--media", h.devicesURL())
	h.approver(second, "tinh")
	return h
}

// peopled is the data folder of a centre with its two people, made once: each costs a
// password's hash.
var peopled = sync.OnceValues(func() (string, error) {
	data := filepath.Join(programs.dir, "peopled")
	for login, role := range map[string]string{author: "editor", second: "approver"} {
		cmd := exec.Command(programs.centre, "user", "add", "--login", login, "--name", login, "--role", role, "--password-stdin")
		cmd.Env, cmd.Stdin = append(os.Environ(), "LOAXA_DATA="+data), strings.NewReader(secret)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("loaxa user add: %w\n%s", err, out)
		}
	}
	return data, nil
})

// twoPeople gives the house an author and a second person.
func (h *house) twoPeople() {
	h.t.Helper()
	if slices.ContainsFunc(h.extra, func(v string) bool { return strings.HasPrefix(v, "LOAXA_DATABASE=") }) {
		for login, role := range map[string]string{author: "editor", second: "approver"} {
			h.command(secret, "user", "add", "--login", login, "--name", login, "--role", role, "--password-stdin")
		}
		return
	}
	data, err := peopled()
	if err != nil {
		h.t.Fatal(err)
	}
	if out, err := exec.CommandContext(h.t.Context(), "cp", "-a", data, h.data()).CombinedOutput(); err != nil {
		h.t.Fatalf("copy the data folder: %v: %s", err, out)
	}
}

// approver gives a person the key with which they approve for an area.
func (h *house) approver(login, area string) {
	h.t.Helper()
	h.command(keySecret+"\n", "key", "person", "add", "--root", filepath.Join(h.dir, "root.jwk"), "--user", login, "--area", area, "--may", "approve", "--password-stdin")
}

func deviceLines(codes []string) string {
	var b strings.Builder
	for _, c := range codes {
		code, rendition, light := strings.Cut(c, ":")
		if !light {
			rendition = "64"
		}
		fmt.Fprintf(&b, "  - {code: %s, name: Cụm loa %s, hamlet: thon, rendition: %s}\n", code, code, rendition)
	}
	return b.String()
}

func (h *house) devicesURL() string { return "https://127.0.0.1:" + strconv.Itoa(h.ports.devices) }

func (h *house) url(path string) string {
	return "http://127.0.0.1:" + strconv.Itoa(h.ports.people) + path
}

func (h *house) env() []string {
	return append(append(os.Environ(),
		"LOAXA_DATA="+h.data(), "LOAXA_JITTER=0s", "LOAXA_FETCH_FROM=00:00", "LOAXA_FETCH_TO=00:00", "LOAXA_LOG_LEVEL=debug",
		"LOAXA_DEVICES_HOSTS=127.0.0.1", "LOAXA_PEOPLE_LISTEN=127.0.0.1:"+strconv.Itoa(h.ports.people),
		"LOAXA_DEVICES_LISTEN=127.0.0.1:"+strconv.Itoa(h.ports.devices), "LOAXA_MQTT_LISTEN=127.0.0.1:"+strconv.Itoa(h.ports.mqtt)), h.extra...)
}

func (h *house) data() string { return filepath.Join(h.dir, "centre") }

// command runs one loaxa command and gives what it printed.
func (h *house) command(stdin string, args ...string) string {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), programs.centre, args...)
	cmd.Env, cmd.Stdin = h.env(), strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		h.t.Fatalf("loaxa %s: %v\n%s%s", strings.Join(args, " "), err, &out, &errOut)
	}
	return out.String()
}

// write puts a file into the folder that importPlan lays down.
func (h *house) write(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.dir, "plan", name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) importPlan() string {
	h.t.Helper()
	return h.command("", "import", "--author", author, "--approver", second, filepath.Join(h.dir, "plan"))
}

// serve starts the centre and logs the author in.
func (h *house) serve() {
	h.t.Helper()
	cmd := exec.Command(programs.centre, "serve")
	cmd.Env = h.env()
	h.centre = startProcess(h.t, "centre", filepath.Join(h.dir, "centre.log"), cmd)
	h.eventually(20*time.Second, "the centre answers", func() bool {
		resp, err := h.client.Get(h.url("/readyz"))
		return err == nil && errors.Join(drain(resp)) == nil && resp.StatusCode == http.StatusNoContent
	})
	h.as(author)
}

func drain(r *http.Response) error {
	_, err := io.Copy(io.Discard, r.Body)
	return errors.Join(err, r.Body.Close())
}

// eventually polls until ok, at most for limit.
func (h *house) eventually(limit time.Duration, what string, ok func() bool) {
	h.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-h.t.Context().Done():
			h.t.Fatalf("test ended while waiting: %s", what)
		case <-deadline.C:
			h.t.Fatalf("not within %s: %s", limit, what)
		case <-tick.C:
		}
	}
}

// until waits for an instant.
func (h *house) until(at time.Time) {
	h.t.Helper()
	select {
	case <-h.t.Context().Done():
		h.t.Fatal("test ended while waiting")
	case <-time.After(time.Until(at)):
	}
}

// login signs in.
func (h *house) login(login string) {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	h.client.Jar = jar
	try := map[string]string{"login": login, "password": secret}
	if kept := h.recovery[login]; kept != nil {
		try["code"] = kept.pop()
	}
	h.post("/api/v1/login", try, nil)
	if h.jars == nil {
		h.jars = map[string]http.CookieJar{}
	}
	h.jars[login] = jar
	h.refill(login)
}

// as goes on as somebody, who signs in if they have not yet or no longer: each time costs
// a password's hash.
func (h *house) as(login string) {
	h.t.Helper()
	if h.client.Jar = h.jars[login]; h.client.Jar != nil {
		resp, err := h.client.Get(h.url("/api/v1/account"))
		if err != nil {
			h.t.Fatal(err)
		}
		if err := drain(resp); err != nil {
			h.t.Fatal(err)
		}
		if resp.StatusCode == http.StatusOK {
			h.refill(login)
			return
		}
	}
	h.login(login)
}

func (h *house) post(path string, body, into any) {
	h.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	h.ask("POST", path, "application/json", bytes.NewReader(b), into)
}

func (h *house) get(path string, into any) {
	h.t.Helper()
	h.ask("GET", path, "", nil, into)
}

func (h *house) ask(method, path, kind string, body io.Reader, into any) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url(path), body)
	if err != nil {
		h.t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		h.t.Fatal(err)
	}
	h.asDescribed(req, resp, b)
	if resp.StatusCode >= 300 {
		h.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, b)
	}
	if into != nil {
		if err := json.Unmarshal(b, into); err != nil {
			h.t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
}

// asDescribed holds an answer against what the running centre says of its API.
func (h *house) asDescribed(req *http.Request, resp *http.Response, body []byte) {
	h.t.Helper()
	h.api.Do(func() {
		described, err := h.client.Get(h.url("/api/v1/openapi.json"))
		if err != nil {
			h.t.Fatal(err)
		}
		raw, err := io.ReadAll(described.Body)
		if err = errors.Join(err, described.Body.Close()); err != nil {
			h.t.Fatal(err)
		}
		d, err := openapi3.NewLoader().LoadFromData(raw)
		if err != nil {
			h.t.Fatalf("openapi.json: %v", err)
		}
		if h.routes, err = gorillamux.NewRouter(d); err != nil {
			h.t.Fatal(err)
		}
	})
	route, params, err := h.routes.FindRoute(req)
	if err != nil {
		h.t.Fatalf("%s %s is not described: %v", req.Method, req.URL.Path, err)
	}
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 resp.StatusCode, Header: resp.Header, Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	answer.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(req.Context(), answer); err != nil {
		h.t.Errorf("%s %s answers otherwise than described: %v", req.Method, req.URL.Path, err)
	}
}

// upload hands audio in as the author; the second person listens and approves it.
func (h *house) upload(code, title string, audio []byte) radio.Bulletin {
	h.t.Helper()
	b := h.handIn(author, code, title, audio)
	h.withSecond(second)
	h.as(second)
	h.listen(b)
	h.post(fmt.Sprintf("/api/v1/bulletins/%s/%d/decision", b.ID, b.Version), radio.Verdict{To: radio.Approved, Seen: b.SubmittedAt, Sign: &radio.SignWith{Password: keySecret, Code: h.code(second)}}, &b)
	if b.State != radio.Approved {
		h.t.Fatalf("bulletin %+v", b)
	}
	return b
}

// handIn has somebody hand audio in for approval.
func (h *house) handIn(login, code, title string, audio []byte) radio.Bulletin {
	h.t.Helper()
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	err := errors.Join(m.WriteField("code", code), m.WriteField("title", title), m.WriteField("field", "3"), m.WriteField("submit", "true"))
	part, perr := m.CreateFormFile("audio", "any-name.mp3")
	if err = errors.Join(err, perr); err != nil {
		h.t.Fatal(err)
	}
	_, werr := part.Write(audio)
	if err := errors.Join(werr, m.Close()); err != nil {
		h.t.Fatal(err)
	}
	var b radio.Bulletin
	h.as(login)
	h.ask("POST", "/api/v1/bulletins", m.FormDataContentType(), &form, &b)
	return b
}

// listen does as a page that plays a bulletin from beginning to end; the centre lets
// that take as long as the sound.
func (h *house) listen(b radio.Bulletin) {
	h.t.Helper()
	h.listenAt(fmt.Sprintf("/api/v1/bulletins/%s/%d/listened", b.ID, b.Version), b)
}

// listenAt reports a bulletin as played at an address.
func (h *house) listenAt(address string, b radio.Bulletin) {
	h.t.Helper()
	r, ok := b.Rendition(radio.MainKbps)
	if !ok {
		h.t.Fatalf("bulletin %+v", b)
	}
	played := struct {
		SHA256 radio.SHA256 `json:"sha256"`
		Spans  []radio.Span `json:"spans"`
	}{r.SHA256, []radio.Span{{To: radio.SamplesDuration(r.Samples).Milliseconds()}}}
	for range 5 {
		var heard radio.Hearing
		h.post(address, played, &heard)
		if heard.Done {
			return
		}
		h.until(time.Now().Add(time.Duration(heard.WaitMS+10) * time.Millisecond))
	}
	h.t.Fatalf("bulletin %s was played for its whole length and does not count as heard", b.Code)
}

// schedule lays down one slot a day at the minute of at, from that day on.
func (h *house) schedule(at time.Time, bulletins ...string) {
	h.t.Helper()
	z, err := timetable.LoadZone(zone)
	if err != nil {
		h.t.Fatal(err)
	}
	local := z.In(at)
	var items strings.Builder
	for i, b := range bulletins {
		fmt.Fprintf(&items, "          - {code: i%d, bulletin: %s}\n", i+1, b)
	}
	h.write("schedule.yaml", fmt.Sprintf(`schedules:
  - code: thu
    title: Phiên thử
    priority: normal
    targets: [{area: tinh}]
    from: %s
    slots:
      - code: phien
        cron: "%d %d * * *"
        items:
%s`, radio.DateOf(local), local.Minute(), local.Hour(), &items))
	h.importPlan()
}

// dueMinute is the first whole minute at least wait from now.
func dueMinute(wait time.Duration) time.Time {
	return time.Now().Add(wait).Truncate(time.Minute).Add(time.Minute)
}

// log reads the confirmation log.
func (h *house) log() []radio.AsRun {
	h.t.Helper()
	var page struct {
		Airings []radio.AsRun `json:"airings"`
	}
	h.get("/api/v1/log", &page)
	return page.Airings
}

// outcomes waits until n airings that were due have another outcome than pending.
func (h *house) outcomes(n int, limit time.Duration) []radio.AsRun {
	h.t.Helper()
	var rows []radio.AsRun
	h.eventually(limit, fmt.Sprintf("%d airings confirmed", n), func() bool {
		rows = rows[:0]
		for _, r := range h.log() {
			if r.Outcome != radio.PendingOutcome && r.Start < radio.At(time.Now().Add(time.Minute)) {
				rows = append(rows, r)
			}
		}
		return len(rows) >= n
	})
	return rows
}

// agentProcess is one device.
type agentProcess struct {
	*process
	h    *house
	code string
	dir  string
	env  []string
}

// agent enrols a device and starts its agent. output is its YAML, `driver: "null"` for
// none; env is added to its environment.
func (h *house) agent(code, output string, env ...string) *agentProcess {
	h.t.Helper()
	a := h.device(code, output, env...)
	a.start()
	return a
}

// device enrols one and does not start it.
func (h *house) device(code, output string, env ...string) *agentProcess {
	h.t.Helper()
	a := &agentProcess{h: h, code: code, dir: filepath.Join(h.dir, code), env: env}
	text := fmt.Sprintf("data: %q\noutput:\n  %s\n  tee: %q\nclock:\n  assumed: true\nstatus:\n  socket: %q\n  listen: \"127.0.0.1:0\"\n",
		filepath.Join(a.dir, "data"), strings.ReplaceAll(output, "\n", "\n  "), filepath.Join(a.dir, "recorded"), a.socket())
	if err := errors.Join(os.MkdirAll(a.dir, 0o700), os.WriteFile(a.config(), []byte(text), 0o600)); err != nil {
		h.t.Fatal(err)
	}
	a.enrol()
	return a
}

// enrol gives the device a fresh code and lets it use it.
func (a *agentProcess) enrol(flags ...string) {
	a.h.t.Helper()
	printed := a.h.command("", "device", "add", "--code", a.code)
	_, rest, ok := strings.Cut(printed, "enrolment code: ")
	if !ok {
		a.h.t.Fatalf("no code in %q", printed)
	}
	once, _, _ := strings.Cut(rest, "\n")
	a.run(append([]string{"enrol", "--config", a.config(), "--server", a.h.devicesURL(), "--code", once}, flags...)...)
}

func (a *agentProcess) config() string { return filepath.Join(a.dir, "agent.yaml") }

// socket: the path of a unix socket is short (108 bytes), test folders are not.
func (a *agentProcess) socket() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("loaxa-e2e-%d-%s.sock", a.h.ports.people, a.code))
}

func (a *agentProcess) start() {
	a.h.t.Helper()
	cmd := exec.Command(programs.agent, "run", "--config", a.config())
	cmd.Env = append(os.Environ(), a.env...)
	a.process = startProcess(a.h.t, a.code, filepath.Join(a.dir, "agent.log"), cmd)
}

func (a *agentProcess) run(args ...string) []byte {
	a.h.t.Helper()
	cmd := exec.CommandContext(a.h.t.Context(), programs.agent, args...)
	cmd.Env = append(os.Environ(), a.env...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			out = append(out, exit.Stderr...)
		}
		a.h.t.Fatalf("loaxa-agent %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// status asks the agent over its socket; false while it does not answer.
func (a *agentProcess) status() (radio.Status, bool) {
	var s radio.Status
	ctx, cancel := context.WithTimeout(a.h.t.Context(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, programs.agent, "status", "--json", "--config", a.config()).Output()
	if err != nil || json.Unmarshal(out, &s) != nil {
		return s, false
	}
	return s, true
}

// ready waits until the device holds the programme with its slot at due and all audio.
func (a *agentProcess) ready(due time.Time) {
	a.h.t.Helper()
	a.h.eventually(60*time.Second, a.code+" is ready for its slot", func() bool {
		s, ok := a.status()
		if !ok || len(s.Next) == 0 || s.Next[0].Start != radio.At(due) {
			return false
		}
		for _, x := range s.Audio {
			if !x.Ready {
				return false
			}
		}
		return len(s.Audio) > 0
	})
}
