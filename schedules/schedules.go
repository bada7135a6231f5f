// Package schedules holds the shipped examples in our own file format: a part of
// Hà Tĩnh province with its Resolution 57 campaign, and the tiny province of the
// demo. central/schedule reads them like any folder; live data lies elsewhere.
package schedules

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

//go:embed ha-tinh/*.yaml demo/*.yaml
var files embed.FS

// Zone of both examples.
const Zone = "Asia/Ho_Chi_Minh"

// HaTinh is the folder of the example province.
func HaTinh() (fs.FS, error) { return fs.Sub(files, "ha-tinh") }

// The lines of demo.yaml that Demo rewrites, each found exactly once.
const (
	demoFile  = "demo.yaml"
	demoFrom  = `from: 2026-01-01 # demo: today`
	demoUntil = `until: 2099-12-31 # demo: today`
	demoCron  = `cron: "0 12 * * *" # demo: the due minute`
)

// Demo is the demo's folder with its slot falling due at the minute of at, on that
// day only. at must be a whole minute.
func Demo(at time.Time) (fs.FS, error) {
	if !at.Truncate(time.Minute).Equal(at) {
		return nil, fmt.Errorf("%w: the demo's slot at %s is not on a whole minute", radio.ErrInvalid, at.Format(time.RFC3339Nano))
	}
	zone, err := timetable.LoadZone(Zone)
	if err != nil {
		return nil, err
	}
	dir, err := fs.Sub(files, "demo")
	if err != nil {
		return nil, err
	}
	raw, err := fs.ReadFile(dir, demoFile)
	if err != nil {
		return nil, err
	}
	text, local := string(raw), zone.In(at)
	for _, line := range []struct{ old, new string }{
		{demoFrom, "from: " + string(radio.DateOf(local))},
		{demoUntil, "until: " + string(radio.DateOf(local))},
		{demoCron, fmt.Sprintf(`cron: "%d %d * * *"`, local.Minute(), local.Hour())},
	} {
		if strings.Count(text, line.old) != 1 {
			return nil, fmt.Errorf("%w: %s must hold %q once", radio.ErrInvalid, demoFile, line.old)
		}
		text = strings.Replace(text, line.old, line.new, 1)
	}
	return edited{dir, demoFile, text}, nil
}

// edited is a folder in which one file has another text.
type edited struct {
	fs.FS
	name, text string
}

// Open gives the new text for the one file.
func (e edited) Open(name string) (fs.File, error) {
	f, err := e.FS.Open(name)
	if err != nil || name != e.name {
		return f, err
	}
	return &editedFile{f, bytes.NewReader([]byte(e.text))}, nil
}

type editedFile struct {
	fs.File
	r *bytes.Reader
}

func (f *editedFile) Read(p []byte) (int, error) { return f.r.Read(p) }

func (f *editedFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	if err != nil {
		return nil, err
	}
	return editedInfo{info, f.r.Size()}, nil
}

type editedInfo struct {
	fs.FileInfo
	size int64
}

func (i editedInfo) Size() int64 { return i.size }
