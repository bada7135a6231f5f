package main

import (
	"context"
	"errors"

	"loaxa/internal/central"
)

func importFolder(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("import")
	author := fs.String("author", "", "`login` of the person who wrote this")
	approver := fs.String("approver", "", "`login` of the person who approved it; not the author")
	dry := fs.Bool("dry-run", false, "only show what would change")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	if fs.NArg() != 1 || (!*dry && (*author == "" || *approver == "")) {
		return 2, errors.New("usage: loaxa import --author LOGIN --approver LOGIN FOLDER")
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	_, err = c.Import(ctx, fs.Arg(0), nil, *author, *approver, *dry, e.out)
	return 0, errors.Join(err, c.Close())
}

// openQuiet opens the centre for a command that prints a result.
func (e *env) openQuiet(ctx context.Context, file string) (*central.Central, error) {
	cfg, err := e.load(file)
	if err != nil {
		return nil, err
	}
	if err := cfg.Exists(); err != nil {
		return nil, err
	}
	return open(ctx, cfg, e.quiet())
}
