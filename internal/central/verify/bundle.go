package verify

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

const (
	// maxLine bounds one line: a batch with its payload of 128 KiB in base64, with room.
	maxLine = 512 << 10
	// maxLines bounds a bundle: two years of five thousand devices.
	maxLines = 2_000_000_000
)

// Writer writes a bundle.
type Writer struct {
	zip   *gzip.Writer
	sum   hash.Hash
	lines int64
	// Bytes is how long the lines are, unpacked.
	Bytes int64
}

// NewWriter begins a bundle.
func NewWriter(w io.Writer) *Writer { return &Writer{zip: gzip.NewWriter(w), sum: sha256.New()} }

// Take writes one item.
func (w *Writer) Take(it Item) error {
	b, err := json.Marshal(it)
	if err != nil {
		return fmt.Errorf("write a bundle: %w", err)
	}
	if len(b) >= maxLine {
		return fmt.Errorf("write a bundle: %w: line of %d bytes", radio.ErrInvalid, len(b))
	}
	b = append(b, '\n')
	w.sum.Write(b)
	w.lines++
	w.Bytes += int64(len(b))
	if _, err := w.zip.Write(b); err != nil {
		return fmt.Errorf("write a bundle: %w", err)
	}
	return nil
}

// Close writes the End.
func (w *Writer) Close() error {
	end := Item{End: &End{Lines: w.lines, Digest: trust.Hash(w.sum.Sum(nil))}}
	return errors.Join(w.Take(end), w.zip.Close())
}

// Damaged says that a bundle cannot be read any further. What came before was judged.
type Damaged struct {
	Line int64
	Why  string
}

// Error tells where.
func (d *Damaged) Error() string { return fmt.Sprintf("line %d: %s", d.Line, d.Why) }

// Unwrap makes it what cannot be taken.
func (d *Damaged) Unwrap() error { return radio.ErrInvalid }

// Read hands every item of a bundle to take, within bounds however long and whatever it
// is. A bundle that is not whole ends with *Damaged.
func Read(r io.Reader, take func(Item) error) error {
	var line int64
	damaged := func(format string, args ...any) error {
		return &Damaged{Line: line + 1, Why: fmt.Sprintf(format, args...)}
	}
	zip, err := gzip.NewReader(r)
	if err != nil {
		return damaged("not a bundle: %v", err)
	}
	zip.Multistream(false)
	in, sum := bufio.NewReaderSize(zip, maxLine), sha256.New()
	for ; line < maxLines; line++ {
		b, err := in.ReadSlice('\n')
		if err != nil {
			return damaged("%s", map[bool]string{true: "the line is too long", false: "the file ends here: " + err.Error()}[errors.Is(err, bufio.ErrBufferFull)])
		}
		it, err := parseItem(b)
		if err != nil {
			return damaged("%v", err)
		}
		if it.End != nil {
			if it.End.Lines != line || it.End.Digest != trust.Hash(sum.Sum(nil)) {
				return damaged("the lines before it are not those that were written")
			}
			if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
				return damaged("something follows the end (%v)", err)
			}
			return nil
		}
		sum.Write(b)
		if err := take(it); err != nil {
			return err
		}
	}
	return damaged("too many lines")
}

func parseItem(b []byte) (Item, error) {
	var it Item
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&it); err != nil {
		return it, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return it, errors.New("more than one JSON value")
	}
	n := 0
	for _, set := range []bool{it.Head != nil, it.Keyring != nil, it.Checkpoint != nil, it.Month != nil, it.Device != nil, it.Journal != nil, it.Book != nil, it.Day != nil,
		it.Mark != nil, it.Event != nil, it.Batch != nil, it.Record != nil, it.Row != nil, it.End != nil} {
		if set {
			n++
		}
	}
	if n != 1 {
		return it, fmt.Errorf("%d things in one line", n)
	}
	return it, nil
}
