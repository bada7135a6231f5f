package backup

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"loaxa/internal/radio"
)

// Check reads an archive to its end and proves every byte of it against its manifest.
// Nothing is written. ErrInvalid names what is wrong with which file.
func Check(ctx context.Context, r io.Reader) (Manifest, error) {
	m, err := check(ctx, r)
	if err != nil {
		return Manifest{}, fmt.Errorf("check the backup: %w", err)
	}
	return m, nil
}

func check(ctx context.Context, r io.Reader) (Manifest, error) {
	var m Manifest
	found := []File{}
	seen := map[string]bool{}
	err := each(ctx, r, func(k kind, name string, size int64, body io.Reader) error {
		switch {
		case seen[manifestName]:
			return fmt.Errorf("%w: %s stands behind the manifest", radio.ErrInvalid, name)
		case seen[name]:
			return fmt.Errorf("%w: %s stands twice", radio.ErrInvalid, name)
		case len(seen) >= maxFiles:
			return fmt.Errorf("%w: more than %d files", radio.ErrInvalid, maxFiles)
		}
		seen[name] = true
		if k == manifestFile {
			return readManifest(body, &m)
		}
		hash := sha256.New()
		if _, err := io.Copy(hash, body); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		found = append(found, File{Name: name, Bytes: size, SHA256: radio.SHA256(hex.EncodeToString(hash.Sum(nil)))})
		return nil
	})
	if err != nil {
		return m, err
	}
	if !seen[manifestName] {
		return m, fmt.Errorf("%w: there is no manifest: the archive is cut off", radio.ErrInvalid)
	}
	return m, compare(m, found)
}

func readManifest(body io.Reader, m *Manifest) error {
	b, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("%s: %w", manifestName, err)
	}
	if err := json.Unmarshal(b, m); err != nil {
		return fmt.Errorf("%w: %s cannot be read: %v", radio.ErrInvalid, manifestName, err)
	}
	if m.Format != Format {
		return fmt.Errorf("%w: the archive has format %d, this program knows %d: use a newer program", radio.ErrConflict, m.Format, Format)
	}
	if databaseName[m.Engine] == "" {
		return fmt.Errorf("%w: a database of kind %.40q", radio.ErrInvalid, m.Engine)
	}
	return nil
}

// compare holds what was found against what the manifest says.
func compare(m Manifest, found []File) error {
	if !slices.ContainsFunc(found, func(f File) bool { return f.Name == databaseName[m.Engine] }) {
		return fmt.Errorf("%w: %s is missing", radio.ErrInvalid, databaseName[m.Engine])
	}
	said := make(map[string]File, len(m.Files))
	for _, f := range m.Files {
		if _, twice := said[f.Name]; twice {
			return fmt.Errorf("%w: the manifest names %.100q twice", radio.ErrInvalid, f.Name)
		}
		said[f.Name] = f
	}
	for _, f := range found {
		want, ok := said[f.Name]
		k, rest, err := parseName(f.Name)
		switch {
		case err != nil:
			return err
		case !ok:
			return fmt.Errorf("%w: %s does not stand in the manifest", radio.ErrInvalid, f.Name)
		case want != f:
			return fmt.Errorf("%w: %s is damaged: %d bytes with SHA-256 %s, the manifest says %d with %.64s",
				radio.ErrInvalid, f.Name, f.Bytes, f.SHA256, want.Bytes, want.SHA256)
		case (k == audioFile || k == originalFile) && rest != string(f.SHA256):
			return fmt.Errorf("%w: %s has SHA-256 %s", radio.ErrInvalid, f.Name, f.SHA256)
		case k == databaseFile && rest != databaseName[m.Engine]:
			return fmt.Errorf("%w: %s in a backup of %s", radio.ErrInvalid, f.Name, m.Engine)
		}
		delete(said, f.Name)
	}
	for name := range said {
		return fmt.Errorf("%w: %.100q stands in the manifest and is not in the archive", radio.ErrInvalid, name)
	}
	return nil
}

// each reads the archive file by file. Only plain files with names of a backup and sizes
// of their kind get as far as f; a reader at its end means the whole of it was sound.
func each(ctx context.Context, r io.Reader, f func(k kind, name string, size int64, body io.Reader) error) error {
	raw := bufio.NewReaderSize(contextReader{ctx, r}, 1<<20)
	gz, err := gzip.NewReader(raw)
	if err != nil {
		return unreadable(err, "not a backup of loaxa")
	}
	gz.Multistream(false)
	tr := tar.NewReader(gz)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return end(gz, raw)
		}
		if err != nil {
			return unreadable(err, "the archive cannot be read further")
		}
		k, size, err := checkHeader(h)
		if err != nil {
			return err
		}
		if err := f(k, h.Name, size, body{tr}); err != nil {
			return err
		}
	}
}

func checkHeader(h *tar.Header) (kind, int64, error) {
	k, _, err := parseName(h.Name)
	if err != nil {
		return 0, 0, err
	}
	bad := func(what string) (kind, int64, error) {
		return 0, 0, fmt.Errorf("%w: %s %s", radio.ErrInvalid, h.Name, what)
	}
	if h.Typeflag != tar.TypeReg {
		return bad("is not a plain file")
	}
	for key := range h.PAXRecords {
		// Nothing else is ever needed; a sparse file would be read as any length.
		if key != "size" {
			return bad(fmt.Sprintf("carries the tar record %.40q", key))
		}
	}
	if h.Size < 0 || h.Size > largest[k] {
		return bad(fmt.Sprintf("claims %d bytes, at most %d", h.Size, largest[k]))
	}
	return k, h.Size, nil
}

// end proves that nothing follows the archive. gzip's checksum is behind the last byte.
func end(gz io.Reader, raw io.Reader) error {
	buf := make([]byte, 32<<10)
	for total := 0; ; {
		n, err := gz.Read(buf)
		for _, b := range buf[:n] {
			if b != 0 {
				return fmt.Errorf("%w: something follows the archive", radio.ErrInvalid)
			}
		}
		if total += n; total > 1<<20 {
			return fmt.Errorf("%w: something follows the archive", radio.ErrInvalid)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return unreadable(err, "the archive's end is damaged")
		}
	}
	if n, err := io.ReadFull(raw, buf[:1]); n > 0 {
		return fmt.Errorf("%w: something follows the archive", radio.ErrInvalid)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// body turns the errors of a damaged stream into ErrInvalid.
type body struct{ r io.Reader }

func (b body) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = unreadable(err, "the archive cannot be read further")
	}
	return n, err
}

// unreadable says what a reader's error means: a cut or damaged archive, unless a
// person ended the reading.
func unreadable(err error, what string) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %s: it is cut off", radio.ErrInvalid, what)
	}
	return fmt.Errorf("%w: %s: %w", radio.ErrInvalid, what, err)
}
