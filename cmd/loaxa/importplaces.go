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
	p, err := c.ImportPlaces(ctx, filepath.Base(names[0]), data, radio.UserID(actor()), *dry)
	if err == nil {
		for _, l := range p.Lines {
			if l.Action == "unchanged" {
				continue
			}
			fmt.Fprintf(e.out, "%s %s %s “%s”\n", l.Action, l.What, l.Code, l.Title)
			for _, f := range l.Fields {
				fmt.Fprintf(e.out, "    %s\n", f)
			}
		}
		state := "không đổi gì / nothing changes"
		switch {
		case p.Written:
			state = "đã nhập / written"
		case p.Counts["created"]+p.Counts["changed"] > 0:
			state = "chỉ xem trước / nothing was written"
		}
		_, err = fmt.Fprintf(e.out, "%s: %d mới / created, %d thay đổi / changed, %d không đổi / unchanged; %s\n", p.File, p.Counts["created"], p.Counts["changed"], p.Counts["unchanged"], state)
	}
	return 0, errors.Join(err, c.Close())
}
