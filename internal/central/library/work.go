package library

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"loaxa/internal/radio"
	"loaxa/internal/sound"
)

// work is the child's whole task, in the order of design §4; the first refusal ends it.
func work(ctx context.Context, j job) (*Prepared, error) {
	f, err := os.Open(filepath.Join(j.Dir, sourceName))
	if err != nil {
		return nil, fmt.Errorf("open the upload: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open the upload: %w", err)
	}
	found, err := sniff(f, info.Size())
	if err != nil {
		return nil, err
	}
	if j.Tools.FFmpeg == "" {
		return workWithoutTools(ctx, j, f)
	}
	upload, err := openUpload(ctx, j, f, info.Size(), found)
	if err != nil {
		return nil, err
	}
	source, err := decodeSource(ctx, j, upload)
	if err != nil {
		return nil, err
	}
	t, err := master(ctx, j, source)
	if err != nil {
		return nil, err
	}
	p := &Prepared{
		Seconds:      source.seconds(),
		Renditions:   []radio.Rendition{t.renditions[0].Rendition, t.renditions[1].Rendition},
		LUFS:         t.lufs,
		TruePeakDBTP: t.renditions[0].truePeak,
		Peaks:        t.renditions[0].peaks,
		Warnings:     source.warnings(upload),
	}
	if t.lufs < targetLUFS-1 {
		p.Warnings = append(p.Warnings, WarnQuiet)
	}
	return p, nil
}

// workWithoutTools takes a file that is house format already, as it came: nobody
// knows its head and tail, so that both are 0 and all of it sounds.
func workWithoutTools(ctx context.Context, j job, f *os.File) (*Prepared, error) {
	walked, err := sound.Walk(contextReader{ctx, f})
	var not *sound.FormatError
	if errors.As(err, &not) {
		return nil, fmt.Errorf("%w (%v)", ErrNoTools, not)
	}
	if err != nil {
		return nil, fmt.Errorf("walk the upload: %w", err)
	}
	if int64(walked.Frames)*radio.FrameSamples > j.Limits.maxSamples() {
		return nil, refuse(CodeTooLong, "over %d s", j.Limits.Seconds)
	}
	v, _, err := decodeWhole(ctx, f, walked, 0, 0, excerpt{})
	switch {
	case err != nil && ctx.Err() == nil:
		return nil, refuse(CodeDamaged, "%v", err)
	case err != nil:
		return nil, err
	case v.Samples < 4*stepSamples:
		return nil, refuse(CodeTooShort, "%.3f s", v.Duration().Seconds())
	case v.lufs < -50:
		return nil, refuse(CodeSilence, "%.1f LUFS", v.lufs)
	}
	if err := os.Link(filepath.Join(j.Dir, sourceName), filepath.Join(j.Dir, renditionName(v.Kbps))); err != nil {
		return nil, fmt.Errorf("keep the upload as it came: %w", err)
	}
	p := &Prepared{
		Seconds: v.Duration().Seconds(), Renditions: []radio.Rendition{v.Rendition},
		LUFS: v.lufs, TruePeakDBTP: v.truePeak, Peaks: v.peaks,
	}
	if v.truePeak > peakLimit || v.lufs < targetLUFS-1 || v.lufs > targetLUFS+1 {
		p.Warnings = append(p.Warnings, WarnNotNormalised)
	}
	return p, nil
}
