package library

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"loaxa/internal/radio"
	"loaxa/internal/sound"
)

// TestPrepare looks closely at one upload: numbers, files, loudness by another
// meter, and that the same upload gives the same hashes. Its child runs under the
// race detector when the test does.
func TestPrepare(t *testing.T) {
	needTools(t, "ffmpeg", "ffprobe")
	in := newIntake(t, func(o *Options) { o.Command = selfAsChild(t) })
	const samples = 44100*3 + 77
	src := wavFile(speechlike(4, 0.3)[:samples], 44100, 1)
	p, err := in.Prepare(t.Context(), bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	if p.Seconds != float64(samples)/44100 || p.SourceBytes != int64(len(src)) || len(p.Warnings) != 0 || p.Warnings == nil {
		t.Errorf("prepared %+v", p)
	}
	if len(p.Peaks) != PeakCount || slices.Max(p.Peaks) < 100 || slices.Min(p.Peaks) > 60 {
		t.Errorf("peaks %v", p.Peaks)
	}
	if len(p.Renditions) != 2 || p.Renditions[0].Kbps != 64 || p.Renditions[1].Kbps != 32 {
		t.Fatalf("renditions %+v", p.Renditions)
	}
	for _, r := range p.Renditions {
		if err := r.Check(); err != nil {
			t.Error(err)
		}
		if r.Samples != samples || r.Head != sound.EncoderHead {
			t.Errorf("rendition %+v, want %d samples", r, samples)
		}
		data := readTestFile(t, p.rendition(r.Kbps))
		walked, err := sound.Walk(bytes.NewReader(data))
		if err != nil || walked != (sound.Walked{Kbps: r.Kbps, Frames: r.Frames, Bytes: r.Bytes, SHA256: r.SHA256}) {
			t.Errorf("walked %+v, %v; want %+v", walked, err, r)
		}
		lufs, peak := ebur128(t, decodeAll(t, data, r))
		if math.Abs(lufs+16) > 1 || peak > -1 {
			t.Errorf("%d kbit/s: ffmpeg measures %.1f LUFS, %.1f dBTP", r.Kbps, lufs, peak)
		}
		if r.Kbps == 64 && (math.Abs(lufs-p.LUFS) > 0.1 || math.Abs(peak-p.TruePeakDBTP) > 0.2) {
			t.Errorf("we measure %.2f LUFS, %.2f dBTP; ffmpeg %.1f, %.1f", p.LUFS, p.TruePeakDBTP, lufs, peak)
		}
	}
	again, err := in.Prepare(t.Context(), bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.Renditions, p.Renditions) {
		t.Errorf("the same upload again gives %+v, first %+v", again.Renditions, p.Renditions)
	}
	if err := errors.Join(p.Close(), again.Close()); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(in.opt.WorkDir); err != nil || len(left) != 0 {
		t.Errorf("left in the work folder: %v, %v", left, err)
	}
}

// TestHeadIsWhereItIs proves the encoder's head of 1105 samples with noise, whose
// place in the decoded rendition is certain to the sample.
func TestHeadIsWhereItIs(t *testing.T) {
	needTools(t, "ffmpeg", "ffprobe")
	pcm := lowNoise(44100 * 2)
	p, err := newIntake(t, nil).Prepare(t.Context(), bytes.NewReader(wavFile(pcm, 44100, 1)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, r := range p.Renditions {
		got := decodeAll(t, readTestFile(t, p.rendition(r.Kbps)), r)
		best, bestLag := math.Inf(-1), 0
		for lag := -40; lag <= 40; lag++ {
			sum := 0.0
			for i := 20_000; i < 60_000; i++ {
				sum += pcm[i] * float64(got[i+lag])
			}
			if sum > best {
				best, bestLag = sum, lag
			}
		}
		if bestLag != 0 {
			t.Errorf("%d kbit/s: the sound lies %d samples off", r.Kbps, bestLag)
		}
	}
}

// lowNoise is noise under about 5 kHz, which 32 kbit/s keeps.
func lowNoise(n int) []float64 {
	raw := noise(n+8, 0.5)
	pcm := make([]float64, n)
	for i := range pcm {
		for k := range 8 {
			pcm[i] += raw[i+k] / 8
		}
	}
	return pcm
}

func decodeAll(t testing.TB, data []byte, r radio.Rendition) []int16 {
	t.Helper()
	d, err := sound.NewDecoder(bytes.NewReader(data), sound.SpanOf(r))
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, r.Samples+1)
	n := 0
	for {
		m, err := d.Read(pcm[n:])
		n += m
		if errors.Is(err, io.EOF) {
			return pcm[:n]
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// ebur128 measures with ffmpeg's meter.
func ebur128(t testing.TB, pcm []int16) (lufs, peak float64) {
	t.Helper()
	raw := make([]byte, 0, 2*len(pcm))
	for _, s := range pcm {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(s))
	}
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-hide_banner", "-nostats", "-f", "s16le", "-ar", "44100", "-ac", "1",
		"-i", "pipe:0", "-af", "ebur128=peak=true", "-f", "null", "-")
	cmd.Stdin = bytes.NewReader(raw)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg ebur128: %v\n%s", err, out)
	}
	summary := out[bytes.LastIndex(out, []byte("Summary:")):]
	number := func(pattern string) float64 {
		found := regexp.MustCompile(pattern).FindSubmatch(summary)
		if found == nil {
			t.Fatalf("no %s in %s", pattern, summary)
		}
		v, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	return number(`I:\s+(-?[\d.]+) LUFS`), number(`Peak:\s+(-?[\d.]+) dBFS`)
}

// TestPeakWins: a source of rare hard clicks cannot be both loud and under the
// ceiling; the ceiling holds and the operator is told.
func TestPeakWins(t *testing.T) {
	needTools(t, "ffmpeg", "ffprobe")
	pcm := noise(44100*2, 0.0015)
	for i := 0; i < len(pcm); i += 11025 {
		for k := range 4 {
			pcm[i+k] = 0.9
		}
	}
	p, err := newIntake(t, nil).Prepare(t.Context(), bytes.NewReader(wavFile(pcm, 44100, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if p.TruePeakDBTP > -1 || p.LUFS >= -17 || !slices.Contains(p.Warnings, WarnQuiet) {
		t.Errorf("%.1f LUFS, %.1f dBTP, %q", p.LUFS, p.TruePeakDBTP, p.Warnings)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// TestWithoutTools: without ffmpeg only house format is taken, as it came.
func TestWithoutTools(t *testing.T) {
	in := newIntake(t, func(o *Options) {
		o.FFmpeg, o.FFprobe, o.Mpg123 = "no-such-ffmpeg", "no-such-ffprobe", "no-such-mpg123"
	})
	if err := in.Ready(); !errors.Is(err, ErrNoTools) {
		t.Errorf("Ready: %v", err)
	}
	house := readTestFile(t, "../../sound/testdata/house-64.mp3")
	p, err := in.Prepare(t.Context(), bytes.NewReader(house))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	if len(p.Renditions) != 1 {
		t.Fatalf("renditions %+v", p.Renditions)
	}
	r := p.Renditions[0]
	if r.Head != 0 || r.Tail != 0 || r.Frames != 124 || r.SHA256 != p.SourceSHA256 || !slices.Equal(readTestFile(t, p.rendition(64)), house) {
		t.Errorf("rendition %+v", r)
	}
	if !slices.Equal(p.Warnings, []string{WarnNotNormalised}) || p.LUFS > -5 || p.LUFS < -30 {
		t.Errorf("%.1f LUFS, warnings %q", p.LUFS, p.Warnings)
	}
	files := NewFiles(t.TempDir())
	if err := files.Put(t.Context(), p); err != nil {
		t.Error(err)
	}

	for name, c := range map[string]struct {
		data []byte
		kind error
	}{
		"wav":            {wavFile(speechlike(1, 0.3), 44100, 1), radio.ErrUnavailable},
		"house and junk": {append(slices.Clone(house), 1, 2, 3), radio.ErrUnavailable},
		"bomb":           {id3Bomb(), radio.ErrInvalid},
		"empty":          {nil, radio.ErrInvalid},
	} {
		_, err := in.Prepare(t.Context(), bytes.NewReader(c.data))
		if !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", name, err, c.kind)
		}
	}
}

func TestNewIntakeChecks(t *testing.T) {
	for name, opt := range map[string]Options{
		"nothing": {},
		"too long": {
			Command: []string{"x"}, WorkDir: "x", Log: newIntake(t, nil).opt.Log, Limits: Limits{Seconds: 4000},
		},
	} {
		if _, err := NewIntake(opt); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
