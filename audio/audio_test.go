package audio_test

import (
	"io/fs"
	"log/slog"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"loaxa/audio"
	"loaxa/internal/central/library"
)

// TestEverySoundIsListed: files and list are the same, small, and of known origin.
func TestEverySoundIsListed(t *testing.T) {
	found, err := fs.Glob(audio.Files(), "*")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	total := int64(0)
	for _, s := range audio.Samples() {
		listed = append(listed, s.Name+".mp3")
		if s.Title == "" || s.Origin == "" {
			t.Errorf("%s has no title or no origin", s.Name)
		}
		info, err := fs.Stat(audio.Files(), s.Name+".mp3")
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 200_000 {
			t.Errorf("%s has %d bytes", s.Name, info.Size())
		}
		total += info.Size()
	}
	slices.Sort(listed)
	if !slices.Equal(found, listed) {
		t.Errorf("files %q, listed %q", found, listed)
	}
	if total > 1_500_000 {
		t.Errorf("all samples together have %d bytes", total)
	}
}

// TestEverySoundPassesIntake: each comes out in both renditions, loud enough, and
// without a warning.
func TestEverySoundPassesIntake(t *testing.T) {
	if testing.Short() {
		t.Skip("needs ffmpeg; left out of -short")
	}
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Fatal("ffmpeg is missing: run `make deps`")
	}
	// Built without the race detector, under which decoding costs ten times as much.
	child := filepath.Join(t.TempDir(), "child")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", child, "loaxa/internal/central/library/testdata/child")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the intake child: %v\n%s", err, out)
	}
	in, err := library.NewIntake(library.Options{
		Command: []string{child}, WorkDir: t.TempDir(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range audio.Samples() {
		t.Run(s.Name, func(t *testing.T) {
			f, err := audio.Files().Open(s.Name + ".mp3")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			p, err := in.Prepare(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Renditions) != 2 || len(p.Warnings) != 0 || math.Abs(p.LUFS+16) > 1 || p.TruePeakDBTP > -1 || p.Seconds > 16 {
				t.Errorf("%.1f s, %d renditions, %.1f LUFS, %.1f dBTP, warnings %q", p.Seconds, len(p.Renditions), p.LUFS, p.TruePeakDBTP, p.Warnings)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
