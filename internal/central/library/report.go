package library

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"

	"loaxa/internal/radio"
)

// Accepted is the report line of a file that is fit to be aired.
type Accepted struct {
	File string `json:"file"`
	OK   bool   `json:"ok"`
	// Seconds is the decoded length of the source: what the encoder added before and
	// behind is left out where the file notes it (LAME's head frame, Opus, Vorbis, edit
	// lists), and counts as sound where it does not; pauses that a phone left out count.
	Seconds      float64      `json:"seconds"`
	Frames       int          `json:"frames"` // of the first rendition, as are the next three
	LUFS         float64      `json:"lufs"`
	TruePeakDBTP float64      `json:"true_peak_dbtp"`
	SHA256       radio.SHA256 `json:"sha256"`
	Warnings     []string     `json:"warnings"`
}

// Rejected is the report line of any other file.
type Rejected struct {
	File     string `json:"file"`
	OK       bool   `json:"ok"`
	Code     Code   `json:"code"`
	ReasonVI string `json:"reason_vi"`
	ReasonEN string `json:"reason_en"`
}

// Exit codes of `loaxa audio check`.
const (
	ExitAllOK       = 0
	ExitSomeRefused = 1
	ExitCouldNot    = 2
)

// CheckFiles judges files as an upload would be, keeps nothing, and writes one JSON
// line a file to w, in order. It gives the exit code: 0 all are ok, 1 some are
// refused, 2 some could not be judged. An error means that the report itself ended
// early; it goes with exit code 2.
func CheckFiles(ctx context.Context, in *Intake, files []string, w io.Writer) (int, error) {
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	exit := ExitAllOK
	for _, file := range files {
		line, code := checkFile(ctx, in, file)
		if err := ctx.Err(); err != nil {
			return ExitCouldNot, err
		}
		if err := lines.Encode(line); err != nil {
			return ExitCouldNot, fmt.Errorf("write the report: %w", err)
		}
		exit = max(exit, code)
	}
	return exit, nil
}

func checkFile(ctx context.Context, in *Intake, file string) (any, int) {
	p, err := prepareFile(ctx, in, file)
	if err == nil {
		line := Accepted{
			File: file, OK: true, Seconds: round(p.Seconds, 1000), Frames: p.Renditions[0].Frames,
			LUFS: round(p.LUFS, 10), TruePeakDBTP: round(p.TruePeakDBTP, 10),
			SHA256: p.Renditions[0].SHA256, Warnings: p.Warnings,
		}
		if err = p.Close(); err == nil {
			return line, ExitAllOK
		}
	}
	var refused *Refused
	if errors.As(err, &refused) {
		return Rejected{File: file, Code: refused.Code, ReasonVI: refused.ReasonVI, ReasonEN: refused.ReasonEN}, ExitSomeRefused
	}
	return Rejected{
		File: file, Code: CodeUnavailable,
		ReasonVI: notChecked(err),
		ReasonEN: "this file could not be checked: " + err.Error(),
	}, ExitCouldNot
}

// errNotAFile: a folder, a pipe, a device.
var errNotAFile = errors.New("not a regular file")

// notChecked says in Vietnamese why a file could not even be looked at. What the system
// says stands in the English reason.
func notChecked(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "Không có tệp này. Hãy kiểm tra lại tên và thư mục."
	case errors.Is(err, fs.ErrPermission):
		return "Không có quyền đọc tệp này."
	case errors.Is(err, errNotAFile):
		return "Đây không phải là một tệp (có thể là thư mục)."
	}
	return "Chưa kiểm tra được tệp này vì máy gặp lỗi; hãy thử lại, chi tiết ở phần tiếng Anh."
}

func prepareFile(ctx context.Context, in *Intake, file string) (*Prepared, error) {
	// Looked at before it is opened: opening a named pipe would wait for a writer,
	// and no signal ends that wait.
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", file, errNotAFile)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return in.Prepare(ctx, f)
}

func round(x, steps float64) float64 { return math.Round(x*steps) / steps }
