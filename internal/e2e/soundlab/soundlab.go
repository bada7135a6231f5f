// Package soundlab is a sound server without a sound card, for tests only: nothing
// but tests imports it. It starts PulseAudio with two null sinks in a folder of its
// own, gives the environment in which a child process finds them as the ALSA default
// device, and records what they sound, tied to clock.Mono.
package soundlab

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"loaxa/internal/clock"
)

// The sinks: two villages.
const (
	Sink1 = "spk1"
	Sink2 = "spk2"
)

// Lab is one running sound server.
type Lab struct {
	dir    string
	server *exec.Cmd // nil: down
	stderr bytes.Buffer
}

// Start runs a sound server until the test ends. It needs PulseAudio, its tools and
// the ALSA plugin, so it skips the test under -short and fails it where they are
// missing.
func Start(tb testing.TB) *Lab {
	tb.Helper()
	if testing.Short() {
		tb.Skip("needs a sound server (PulseAudio); not in -short")
	}
	for _, tool := range []string{"pulseaudio", "parec"} {
		if _, err := exec.LookPath(tool); err != nil {
			tb.Fatalf("%s is missing: run make deps", tool)
		}
	}
	// Not tb.TempDir: its names are too long for a unix socket's 107 bytes.
	dir, err := os.MkdirTemp("", "lab")
	if err != nil {
		tb.Fatal(err)
	}
	l := &Lab{dir: dir}
	tb.Cleanup(func() {
		l.Kill()
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	if err := l.furnish(); err != nil {
		tb.Fatal(err)
	}
	l.Revive(tb)
	return l
}

// Revive starts the server again after Kill, with the same socket and sinks.
func (l *Lab) Revive(tb testing.TB) {
	tb.Helper()
	if err := l.start(); err != nil {
		tb.Fatalf("start sound server: %v\n%s", err, l.stderr.String())
	}
}

func (l *Lab) socket() string { return filepath.Join(l.dir, "native") }

// furnish writes what the server and ALSA read.
func (l *Lab) furnish() error {
	script := fmt.Sprintf(`.fail
load-module module-native-protocol-unix auth-anonymous=1 socket=%s
load-module module-null-sink sink_name=%s rate=44100 channels=2 format=s16le
load-module module-null-sink sink_name=%s rate=44100 channels=2 format=s16le
set-default-sink %s
`, l.socket(), Sink1, Sink2, Sink1)
	// No fallback "null" here: it would swallow a minute in a quarter of a second.
	asound := fmt.Sprintf(`</usr/share/alsa/alsa.conf>
pcm.!default { type pulse server "unix:%[1]s" }
ctl.!default { type pulse server "unix:%[1]s" }
`, l.socket())
	for name, text := range map[string]string{"lab.pa": script, "asound.conf": asound} {
		if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, name := range []string{"home", "run"} {
		if err := os.Mkdir(filepath.Join(l.dir, name), 0o700); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) start() error {
	l.stderr.Reset()
	// A killed server leaves its socket; it is there or not.
	_ = os.Remove(l.socket())
	l.server = exec.Command("pulseaudio", "-n", "-F", filepath.Join(l.dir, "lab.pa"), "--daemonize=no",
		"--exit-idle-time=-1", "--disallow-exit=1", "--use-pid-file=no", "--realtime=yes",
		"--high-priority=yes", "--log-target=stderr")
	l.server.Env = append(os.Environ(), "HOME="+filepath.Join(l.dir, "home"),
		"PULSE_RUNTIME_PATH="+filepath.Join(l.dir, "run"), "XDG_CONFIG_HOME=", "XDG_RUNTIME_DIR=", "PULSE_SERVER=")
	l.server.Stderr = &l.stderr
	if err := l.server.Start(); err != nil {
		return err
	}
	return l.waitReady()
}

// waitReady asks the server until both sinks are there.
func (l *Lab) waitReady() error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		<-tick.C
		list := exec.Command("pactl", "list", "short", "sinks")
		list.Env = append(os.Environ(), l.Env(Sink1)...)
		if out, err := list.Output(); err == nil && bytes.Contains(out, []byte(Sink2)) {
			return nil
		}
	}
	return fmt.Errorf("no answer on %s in 20 s", l.socket())
}

// Env is what a process needs, beside its own environment, to sound on a sink.
func (l *Lab) Env(sink string) []string {
	return []string{
		"HOME=" + filepath.Join(l.dir, "home"),
		"PULSE_RUNTIME_PATH=" + filepath.Join(l.dir, "run"),
		"PULSE_SERVER=unix:" + l.socket(),
		"ALSA_CONFIG_PATH=" + filepath.Join(l.dir, "asound.conf"),
		"PULSE_SINK=" + sink,
	}
}

// Kill ends the server at once, as a crash would; also called when the test ends.
func (l *Lab) Kill() {
	if l.server != nil && l.server.Process != nil {
		// Both fail only for a process that is gone already, which is the aim.
		_ = l.server.Process.Kill()
		_ = l.server.Wait()
	}
	l.server = nil
}

// Hang stops the server without ending it: nobody gets an answer. Resume lets it go on.
func (l *Lab) Hang(tb testing.TB) { l.signal(tb, syscall.SIGSTOP) }

// Resume ends Hang.
func (l *Lab) Resume(tb testing.TB) { l.signal(tb, syscall.SIGCONT) }

// Reroute moves every stream to a sink, as a server does when an output is unplugged; it
// gives how many there were.
func (l *Lab) Reroute(tb testing.TB, sink string) (streams int) {
	tb.Helper()
	pactl := func(args ...string) []byte {
		cmd := exec.Command("pactl", args...)
		cmd.Env = append(os.Environ(), l.Env(Sink1)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			tb.Fatalf("pactl %s: %v\n%s", args, err, out)
		}
		return out
	}
	for line := range bytes.Lines(pactl("list", "short", "sink-inputs")) {
		id, _, _ := bytes.Cut(line, []byte("\t"))
		pactl("move-sink-input", string(id), sink)
		streams++
	}
	return streams
}

func (l *Lab) signal(tb testing.TB, sig os.Signal) {
	tb.Helper()
	if err := l.server.Process.Signal(sig); err != nil {
		tb.Fatal(err)
	}
}

// Recording of a sink in progress.
type Recording struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
	raw  []byte
	at   []arrival
}

// arrival: at clock.Mono, the samples before end had come.
type arrival struct {
	mono time.Duration
	end  int64
}

// Record starts recording a sink and returns once sound (silence) comes in.
func (l *Lab) Record(tb testing.TB, sink string) *Recording {
	tb.Helper()
	r := &Recording{done: make(chan struct{})}
	r.cmd = exec.Command("parec", "--raw", "-d", sink+".monitor", "--rate=44100", "--channels=2",
		"--format=s16le", "--latency-msec=2")
	r.cmd.Env = append(os.Environ(), l.Env(sink)...)
	pipe, err := r.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	first := make(chan struct{})
	go r.read(pipe, first)
	tb.Cleanup(func() { r.stop() })
	select {
	case <-first:
	case <-time.After(20 * time.Second):
		tb.Fatalf("nothing to record from %s in 20 s", sink)
	}
	return r
}

const stereoBytes = 4

func (r *Recording) read(pipe io.Reader, first chan struct{}) {
	defer close(r.done)
	buf := make([]byte, 16<<10)
	for {
		n, err := pipe.Read(buf)
		now := clock.Mono()
		if n > 0 {
			if len(r.raw) == 0 {
				close(first)
			}
			r.raw = append(r.raw, buf[:n]...)
			r.at = append(r.at, arrival{mono: now, end: int64(len(r.raw) / stereoBytes)})
		}
		if err != nil {
			if err != io.EOF {
				r.err = err
			}
			return
		}
	}
}

func (r *Recording) stop() {
	if r.cmd.ProcessState != nil {
		return
	}
	// Fails only when parec has ended by itself.
	_ = r.cmd.Process.Kill()
	<-r.done
	_ = r.cmd.Wait() // reports our own kill
}

// Sound is a finished recording.
type Sound struct {
	Left, Right []int16
	marks       []arrival // the least delayed of each second
}

// Stop ends the recording.
func (r *Recording) Stop(tb testing.TB) Sound {
	tb.Helper()
	r.stop()
	if r.err != nil {
		tb.Fatalf("record: %v", r.err)
	}
	s := Sound{marks: leastDelayed(r.at)}
	for b := r.raw; len(b) >= stereoBytes; b = b[stereoBytes:] {
		s.Left = append(s.Left, int16(binary.LittleEndian.Uint16(b)))
		s.Right = append(s.Right, int16(binary.LittleEndian.Uint16(b[2:])))
	}
	return s
}

// FirstSound is the first sample louder than silence, or -1.
func (s Sound) FirstSound() int {
	for i, v := range s.Left {
		if v != 0 {
			return i
		}
	}
	return -1
}
