package schedule

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"loaxa/internal/radio"
)

const (
	// MaxFileBytes bounds one YAML file.
	MaxFileBytes = 1 << 20
	// MaxFiles bounds one folder.
	MaxFiles = 256
)

// Source is the files of one import: a folder's *.yaml in the order of their
// names, or a single file. Audio named in them is read from the same folder.
type Source struct {
	// Name stands in front of file names in messages.
	Name  string
	fsys  fs.FS
	only  string // the single file; "" for the whole folder
	close func() error
}

// FSSource is the folder at the root of fsys.
func FSSource(name string, fsys fs.FS) *Source {
	return &Source{Name: name, fsys: fsys, close: func() error { return nil }}
}

// OpenSource opens a folder or one file of this machine. Links that lead out of
// the folder are refused. Close it after use.
func OpenSource(name string) (*Source, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("open schedules: %w", err)
	}
	dir, only := name, ""
	if !info.IsDir() {
		dir, only = filepath.Dir(name), filepath.Base(name)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open schedules: %w", err)
	}
	return &Source{Name: filepath.ToSlash(dir), fsys: root.FS(), only: only, close: root.Close}, nil
}

// Close lets go of the folder.
func (s *Source) Close() error { return s.close() }

func (s *Source) pos(file string) Pos { return Pos{File: path.Join(s.Name, file)} }

// list names the files in reading order.
func (s *Source) list() ([]string, error) {
	if s.only != "" {
		return []string{s.only}, nil
	}
	entries, err := fs.ReadDir(s.fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("read folder %s: %w", s.Name, err)
	}
	var names []string
	for _, e := range entries {
		ext := strings.ToLower(path.Ext(e.Name()))
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") && (ext == ".yaml" || ext == ".yml") {
			names = append(names, e.Name())
		}
	}
	switch {
	case len(names) == 0:
		return nil, Problems{{s.pos(""), "thư mục không có tệp .yaml nào", "the folder holds no .yaml file"}}
	case len(names) > MaxFiles:
		return nil, Problems{{s.pos(""), fmt.Sprintf("quá %d tệp .yaml", MaxFiles), fmt.Sprintf("more than %d .yaml files", MaxFiles)}}
	}
	return names, nil
}

// read parses every file and merges them; nothing is compared with other files yet.
func (s *Source) read() (*folder, error) {
	names, err := s.list()
	if err != nil {
		return nil, err
	}
	f := &folder{}
	for _, name := range names {
		text, err := s.readText(name)
		if err != nil {
			return nil, err
		}
		parse(f, s.pos(name).File, text)
	}
	return f, nil
}

func (s *Source) readText(name string) ([]byte, error) {
	r, err := openRegular(s.fsys, name)
	if errors.Is(err, errNotRegular) {
		return nil, Problems{{s.pos(name), "không phải là tệp thường", "not a regular file"}}
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.pos(name), err)
	}
	defer r.Close() // only read from
	text, err := io.ReadAll(io.LimitReader(r, MaxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.pos(name), err)
	}
	if len(text) > MaxFileBytes {
		return nil, Problems{{s.pos(name), "tệp lớn hơn 1 MB", "file larger than 1 MB"}}
	}
	return text, nil
}

// openAudio opens what a bulletin's file names: "audio:<name>" from samples, else
// a path inside the folder.
func (s *Source) openAudio(name string, samples fs.FS) (fs.File, error) {
	if sample, ok := strings.CutPrefix(name, samplePrefix); ok {
		return samples.Open(sample + ".mp3")
	}
	return openRegular(s.fsys, name)
}

var errNotRegular = errors.New("not a regular file")

// openRegular looks before it opens: opening a named pipe would wait for a writer,
// and no signal ends that wait.
func openRegular(fsys fs.FS, name string) (fs.File, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	return fsys.Open(name)
}

const samplePrefix = "audio:"

// isSample says whether name is a sample and not a path in the folder.
func isSample(name string) bool { return strings.HasPrefix(name, samplePrefix) }

// validAudioName says whether name is one of the two forms.
func validAudioName(name string) bool {
	if sample, ok := strings.CutPrefix(name, samplePrefix); ok {
		return radio.ValidCode(sample)
	}
	return fs.ValidPath(name) && name != "." && !strings.Contains(name, `\`)
}
