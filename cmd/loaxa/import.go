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
	signs := fs.Bool("approver-signs", false, "the approver signs for the bulletins: ask for the password of their key")
	passwordFile := fs.String("approver-password-file", "", "the approver signs; `file` that holds the password of their key")
	stdin := fs.Bool("approver-password-stdin", false, "the approver signs; read the password of their key from standard input")
	dry := fs.Bool("dry-run", false, "only show what would change")
	folder, err := parseMixed(fs, args)
	if err != nil {
		return 2, err
	}
	if len(folder) != 1 || (!*dry && (*author == "" || *approver == "")) {
		return 2, errors.New("usage: loaxa import --author LOGIN --approver LOGIN [--approver-signs | --approver-password-file FILE | --approver-password-stdin] FOLDER\n" +
			"FOLDER and flags in any order; without a signature bulletins come in as waiting for approval")
	}
	password := ""
	if (*signs || *passwordFile != "" || *stdin) && !*dry {
		if password, err = e.keyPassword(*passwordFile, *stdin); err != nil {
			return 1, err
		}
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	_, err = c.Import(ctx, folder[0], nil, *author, *approver, password, *dry, e.out)
	return 0, errors.Join(err, c.Close())
}

// keyPassword is that of a person's signing key: from a file of one line, from standard
// input, or from the terminal.
func (e *env) keyPassword(file string, stdin bool) (string, error) {
	word, err := "", error(nil)
	if stdin {
		word, err = e.password(true)
	} else {
		word, err = e.passphrase(file, "khóa ký của người duyệt / of the approver's key", false)
	}
	if err == nil && word == "" {
		err = errors.New("the password of the approver's key is empty")
	}
	return word, err
}

// openQuiet opens the centre for a command that prints a result. A folder without a centre
// is a slip of the pen there.
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
