package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"loaxa/internal/radio"
)

func importPlaces(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("import-places")
	dry := fs.Bool("dry-run", false, "only tell what would change")
	names, err := parseMixed(fs, args)
	if err != nil {
		return 2, err
	}
	if len(names) != 1 {
		return 2, errors.New("usage: loaxa import-places [--dry-run] FILE\nFILE: CSV or XLSX, a row for each area or cluster: kind, code, name, parent, zone, rendition, latitude, longitude, contact, phone (or Loại, Mã, Tên, Mã cấp trên, …)")
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		return 1, err
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	p, err := c.ImportPlaces(ctx, filepath.Base(names[0]), data, radio.UserID(actor()), *dry, e.out)
	if err == nil && *dry && p.Counts["created"]+p.Counts["changed"] > 0 {
		_, err = fmt.Fprintln(e.out, "chỉ xem trước / nothing was written")
	}
	return 0, errors.Join(err, c.Close())
}
