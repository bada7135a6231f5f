// Package library takes in what operators upload and keeps the audio. An upload
// comes from central/web (or `loaxa audio check`); Intake judges it by its content,
// decodes it, brings it to −16 LUFS and the house format in both renditions, and
// checks the result with the agent's own decoder, all of it in a limited child
// process. Prepared audio goes to Files, which names it by its SHA-256; central/media
// hands it from there to the devices, and its numbers go into the bulletin's rows.
package library

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"loaxa/internal/radio"
)

// Limits bound one intake. Zero fields take the value of DefaultLimits.
type Limits struct {
	Bytes   int64         // of the upload
	Seconds int           // of decoded sound; at most 60 minutes
	Memory  int64         // address space of each tool
	RSS     int64         // resident memory of child and tools together
	CPU     time.Duration // processor time of each process
	Wall    time.Duration // for the whole intake
}

// DefaultLimits are those of design §4.
func DefaultLimits() Limits {
	return Limits{
		Bytes: 200 << 20, Seconds: 3600, Memory: 1 << 30, RSS: 1 << 30,
		CPU: 10 * time.Minute, Wall: 20 * time.Minute,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	if l.Bytes == 0 {
		l.Bytes = d.Bytes
	}
	if l.Seconds == 0 {
		l.Seconds = d.Seconds
	}
	if l.Memory == 0 {
		l.Memory = d.Memory
	}
	if l.RSS == 0 {
		l.RSS = d.RSS
	}
	if l.CPU == 0 {
		l.CPU = d.CPU
	}
	if l.Wall == 0 {
		l.Wall = d.Wall
	}
	return l
}

// maxSamples is the longest master: the limit, or what radio.MaxFrames holds with
// the encoder's head and one frame of padding.
func (l Limits) maxSamples() int64 {
	return min(int64(l.Seconds)*radio.SampleRate, (radio.MaxFrames-2)*radio.FrameSamples)
}

// Options of an Intake.
type Options struct {
	// Command starts the child: the own binary and the hidden subcommand that calls
	// ChildMain.
	Command []string
	// WorkDir takes the temporary folders, up to 1.5 GB for an hour of sound.
	WorkDir string
	// FFmpeg, FFprobe and Mpg123 are names or paths; empty means the usual names.
	FFmpeg, FFprobe, Mpg123 string
	// Parallel is how many intakes run at once; 0 means 2.
	Parallel int
	Limits   Limits
	Log      *slog.Logger
}

// Intake prepares uploads. It is safe for concurrent use.
type Intake struct {
	opt   Options
	slots chan struct{}
}

// NewIntake checks the options.
func NewIntake(opt Options) (*Intake, error) {
	if len(opt.Command) == 0 || opt.WorkDir == "" || opt.Log == nil {
		return nil, fmt.Errorf("%w: intake needs its command, a work folder and a logger", radio.ErrInvalid)
	}
	opt.Limits = opt.Limits.withDefaults()
	if opt.Limits.Seconds < 1 || opt.Limits.Seconds > 3600 {
		return nil, fmt.Errorf("%w: intake limit of %d s, want 1 to 3600", radio.ErrInvalid, opt.Limits.Seconds)
	}
	if opt.FFmpeg == "" {
		opt.FFmpeg = "ffmpeg"
	}
	if opt.FFprobe == "" {
		opt.FFprobe = "ffprobe"
	}
	if opt.Mpg123 == "" {
		opt.Mpg123 = "mpg123"
	}
	if opt.Parallel == 0 {
		opt.Parallel = 2
	}
	return &Intake{opt: opt, slots: make(chan struct{}, opt.Parallel)}, nil
}

// Prepared is an upload made ready: to be kept with Files.Put, or dropped; to be
// closed in either case.
type Prepared struct {
	// Seconds is the decoded length of the source.
	Seconds float64 `json:"seconds"`
	// Renditions: 64 kbit/s first, then 32; a single one when the upload was taken
	// as it came, because ffmpeg is missing.
	Renditions []radio.Rendition `json:"renditions"`
	// LUFS and TruePeakDBTP are those of the first rendition as the agent decodes
	// it; the other's true peak is under the same ceiling.
	LUFS         float64 `json:"lufs"`
	TruePeakDBTP float64 `json:"true_peak_dbtp"`
	// Peaks are the PeakCount bars of the first rendition's waveform, 0 to 255: the
	// page draws them, and the listener sees where the sound lies.
	Peaks        []byte       `json:"peaks"`
	SourceSHA256 radio.SHA256 `json:"source_sha256"`
	SourceBytes  int64        `json:"source_bytes"`
	Warnings     []string     `json:"warnings"`

	dir string
}

// Close removes the temporary files.
func (p *Prepared) Close() error { return os.RemoveAll(p.dir) }

func (p *Prepared) source() string { return filepath.Join(p.dir, sourceName) }

func (p *Prepared) rendition(kbps int) string {
	return filepath.Join(p.dir, renditionName(kbps))
}

// sourceName is the upload inside its work folder; tools never see its own name.
const sourceName = "source"

func renditionName(kbps int) string { return fmt.Sprintf("house-%d.mp3", kbps) }

// ErrNoTools says that ffmpeg is missing, so that only house format is taken.
var ErrNoTools = fmt.Errorf("%w: ffmpeg is not installed (Debian: apt-get install ffmpeg); only files already in house format can be taken in", radio.ErrUnavailable)

// Ready gives ErrNoTools when ffmpeg is missing: the centre says so at start.
func (in *Intake) Ready() error {
	if in.tools().FFmpeg == "" {
		return ErrNoTools
	}
	return nil
}

func (in *Intake) tools() tools {
	find := func(name string) string {
		path, err := exec.LookPath(name)
		if err != nil {
			return "" // missing: the child does without it and says so
		}
		return path
	}
	return tools{FFmpeg: find(in.opt.FFmpeg), FFprobe: find(in.opt.FFprobe), Mpg123: find(in.opt.Mpg123)}
}

// Prepare reads an upload to its end and makes it ready. A *Refused says what is
// wrong with the upload; any other error that we could not work.
func (in *Intake) Prepare(ctx context.Context, src io.Reader) (*Prepared, error) {
	select {
	case in.slots <- struct{}{}:
		defer func() { <-in.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a free intake: %w", ctx.Err())
	}
	began := time.Now()
	dir, err := os.MkdirTemp(in.opt.WorkDir, "intake-")
	if err != nil {
		return nil, fmt.Errorf("make the intake's work folder: %w", err)
	}
	p, err := in.prepare(ctx, src, dir)
	if err != nil {
		if rmErr := os.RemoveAll(dir); rmErr != nil {
			in.opt.Log.Warn("intake folder left behind", "dir", dir, "error", rmErr)
		}
		return nil, err
	}
	in.opt.Log.Info("audio prepared", "seconds", p.Seconds, "lufs", p.LUFS, "true_peak_dbtp", p.TruePeakDBTP,
		"sha256", p.Renditions[0].SHA256, "warnings", p.Warnings, "took", time.Since(began))
	return p, nil
}

func (in *Intake) prepare(ctx context.Context, src io.Reader, dir string) (*Prepared, error) {
	sum, size, err := in.receive(ctx, src, filepath.Join(dir, sourceName))
	if err != nil {
		return nil, err
	}
	answer, err := in.runChild(ctx, job{Dir: dir, Limits: in.opt.Limits, Tools: in.tools()})
	switch {
	case err != nil:
		return nil, err
	case answer.Refused != nil:
		return nil, answer.Refused
	case answer.Prepared == nil:
		return nil, fmt.Errorf("prepare audio: %w: %s", radio.ErrUnavailable, answer.Broken)
	}
	p := answer.Prepared
	for _, r := range p.Renditions {
		if err := r.Check(); err != nil {
			return nil, fmt.Errorf("check the intake's answer: %w", err)
		}
	}
	if len(p.Renditions) == 0 || len(p.Peaks) != PeakCount {
		return nil, fmt.Errorf("check the intake's answer: %d renditions and %d peaks", len(p.Renditions), len(p.Peaks))
	}
	p.SourceSHA256, p.SourceBytes, p.dir = sum, size, dir
	if p.Warnings == nil {
		p.Warnings = []string{}
	}
	return p, nil
}

// receive writes the upload to a file, hashing it, up to the limit of bytes.
func (in *Intake) receive(ctx context.Context, src io.Reader, path string) (radio.SHA256, int64, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", 0, fmt.Errorf("keep the upload: %w", err)
	}
	hash := sha256.New()
	limit := in.opt.Limits.Bytes
	n, err := io.Copy(io.MultiWriter(f, hash), io.LimitReader(contextReader{ctx, src}, limit+1))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("receive the upload: %w", err)
	case n > limit:
		return "", 0, refuse(CodeTooLarge, "over %d bytes", limit)
	}
	return radio.SHA256(hex.EncodeToString(hash.Sum(nil))), n, nil
}

// runChild does the work in a child process and gives its answer.
func (in *Intake) runChild(ctx context.Context, j job) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, in.opt.Limits.Wall)
	defer cancel()
	line, err := json.Marshal(j)
	if err != nil {
		return answer{}, fmt.Errorf("write the intake's job: %w", err)
	}
	out, err := runGroup(ctx, in.opt.Command, append(line, '\n'), in.opt.Limits.RSS)
	switch {
	case errors.Is(err, errOverRSS):
		return answer{}, refuse(CodeTooHeavy, "over %d MB of memory", in.opt.Limits.RSS>>20)
	case errors.Is(err, context.DeadlineExceeded):
		return answer{}, fmt.Errorf("prepare audio: %w: not done within %s", radio.ErrUnavailable, in.opt.Limits.Wall)
	case err != nil:
		return answer{}, fmt.Errorf("prepare audio: %w", err)
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		return answer{}, fmt.Errorf("read the intake's answer: %w", err)
	}
	return a, nil
}

// contextReader ends a long copy when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// contextReaderAt does the same for reads anywhere in a file.
type contextReaderAt struct {
	ctx context.Context
	r   io.ReaderAt
}

func (c contextReaderAt) ReadAt(p []byte, at int64) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.ReadAt(p, at)
}
