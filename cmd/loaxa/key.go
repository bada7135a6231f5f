package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"loaxa/internal/central"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

const keyUsage = "usage: loaxa key root --out FILE [--after OLD] [--plain] | loaxa key root --steps FILE | " +
	"loaxa key sign --root FILE --broker mqtts://HOST:8883 --media https://HOST:8443 [--yes] | loaxa key online --root FILE [--stolen] | loaxa key person add|retire|revoke|list"

func keyCommand(ctx context.Context, e *env, args []string) (int, error) {
	usage := errors.New(keyUsage)
	if len(args) == 0 {
		return 2, usage
	}
	switch args[0] {
	case "person":
		return keyPerson(ctx, e, args[1:])
	case "root":
		return keyRoot(ctx, e, args[1:])
	case "sign":
		return keySign(ctx, e, args[1:])
	case "online":
		return keyOnline(ctx, e, args[1:])
	}
	return 2, usage
}

// keyRoot makes the first root key, or the one after another: the centre then has the
// steps that lead devices there.
func keyRoot(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("key root")
	out := fs.String("out", "", "new `file` for the root key; keep it offline")
	after := fs.String("after", "", "`file` of the root key before, which signs the step to the new one")
	steps := fs.String("steps", "", "make roots known that came after the one this centre knows (it was restored from an older backup): `file` written beside the new root key, or roots.json of a key folder")
	plain := fs.Bool("plain", false, "without a passphrase: for trials, and for media that are encrypted themselves")
	word := passphraseFlag(fs, "passphrase-file", "the new root key")
	oldWord := passphraseFlag(fs, "after-passphrase-file", "the root key before")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	if *steps != "" && *out+*after == "" && fs.NArg() == 0 {
		return e.rootSteps(ctx, *file, *steps)
	}
	if *out == "" || *steps != "" || fs.NArg() != 0 {
		return 2, errors.New(keyUsage)
	}
	if *plain && *word != "" {
		return 2, errors.New("used wrongly: --plain is without a passphrase, --passphrase-file names one")
	}
	fresh := func() (trust.Key, error) { return e.newRoot(*out, *plain, *word) }
	if *after == "" {
		k, err := fresh()
		if err == nil {
			_, err = fmt.Fprintf(e.out, "root key %s in %s; carry it away after `loaxa key sign`\n", k.KID(), *out)
		}
		return 0, err
	}
	old, err := trust.LoadSealedKey(*after, func() (string, error) {
		return e.passphrase(*oldWord, "của khóa gốc cũ / of the root key before", false)
	})
	if err != nil {
		return 1, fmt.Errorf("--after: %w", err)
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	return 0, errors.Join(e.nextRoot(ctx, c, old, *after, *out, fresh), c.Close())
}

// newRoot makes a root key's file.
func (e *env) newRoot(out string, plain bool, wordFile string) (trust.Key, error) {
	if _, err := os.Lstat(out); err == nil {
		return trust.Key{}, fmt.Errorf("%w: %s exists already; a root key is never overwritten", radio.ErrConflict, out)
	}
	k, err := trust.Generate()
	if err != nil || plain {
		return k, errors.Join(err, trust.SaveKey(out, k))
	}
	text, err := e.passphrase(wordFile, "của khóa gốc mới / of the new root key", true)
	if err == nil {
		err = trust.SaveSealedKey(out, k, text)
	}
	return k, err
}

// stepsBeside is where the steps go that lead to a root key: whoever restores an older
// backup needs them.
func stepsBeside(out string) string { return out + ".steps.json" }

// nextRoot makes a root after old, and leaves no file behind when that comes to nothing.
func (e *env) nextRoot(ctx context.Context, c *central.Central, old trust.Key, oldFile, out string, fresh func() (trust.Key, error)) error {
	if err := c.CheckRoot(ctx, old); err != nil {
		return fmt.Errorf("--after %s: %w", oldFile, err)
	}
	if _, err := os.Lstat(stepsBeside(out)); err == nil {
		return fmt.Errorf("%w: %s exists already", radio.ErrConflict, stepsBeside(out))
	}
	k, err := fresh()
	if err != nil {
		return err
	}
	number, err := c.NextRoot(ctx, old, k)
	if number == 0 { // nobody knows this key
		return errors.Join(err, os.Remove(out))
	}
	if err != nil {
		return fmt.Errorf("root key %d in %s is pinned and has not signed yet; `loaxa key sign --root %[2]s` goes on: %w", number, out, err)
	}
	steps, err := c.RootSteps(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(stepsBeside(out), append(steps, '\n'), 0o644); err != nil {
		return fmt.Errorf("the root is changed; the steps to it are in keys/roots.json of the data folder, keep a copy: %w", err)
	}
	_, err = fmt.Fprintf(e.out, "root key %d, %s, in %s has signed the keyring; devices walk to it by themselves. Carry it away; the one before signs nothing more\n"+
		"the steps to it are in %s: keep them with it, for a centre that is restored from an older backup (loaxa key root --steps)\n", number, k.KID(), out, stepsBeside(out))
	return err
}

// rootSteps brings a restored centre to the root that devices have reached meanwhile.
func (e *env) rootSteps(ctx context.Context, config, path string) (int, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 1, err
	}
	if !info.Mode().IsRegular() || info.Size() > 1<<20 {
		return 1, fmt.Errorf("%w: %s is not a file of root steps", radio.ErrInvalid, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return 1, err
	}
	return 0, e.withCentre(ctx, config, func(c *central.Central) error {
		root, err := c.TakeRootSteps(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		_, err = fmt.Fprintf(e.out, "root key %d, %s, is known now and alone may sign; sign the keyring with it: loaxa key sign --root FILE --broker … --media …\n", root.Number, root.Key.KID)
		return err
	})
}

func keySign(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("key sign")
	rootFile := fs.String("root", "", "`file` of the root key")
	word := passphraseFlag(fs, "passphrase-file", "the root key")
	brokers := fs.String("broker", "", "where devices find the broker, comma-separated mqtts:// addresses")
	yes := fs.Bool("yes", false, "certify the keys of persons that a backup, or the database, brings back, without being asked")
	medias := fs.String("media", "", "where devices fetch audio, comma-separated https:// addresses")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	if *rootFile == "" || *brokers == "" || *medias == "" || fs.NArg() != 0 {
		return 2, errors.New(keyUsage)
	}
	root, err := e.rootKey(*rootFile, *word)
	if err != nil {
		return 1, err
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	err = e.signKeyring(ctx, c, root, trust.Endpoints{Brokers: strings.Split(*brokers, ","), Media: strings.Split(*medias, ",")}, *yes)
	if err == nil {
		_, err = fmt.Fprintln(e.out, "keyring signed; a centre that serves publishes it now, otherwise start `loaxa serve`")
	}
	return 0, errors.Join(err, c.Close())
}

// keyOnline gives the centre another key to sign documents with.
func keyOnline(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("key online")
	rootFile := fs.String("root", "", "`file` of the root key")
	word := passphraseFlag(fs, "passphrase-file", "the root key")
	stolen := fs.Bool("stolen", false, "somebody may have the one before: devices believe it no more")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	if *rootFile == "" || fs.NArg() != 0 {
		return 2, errors.New(keyUsage)
	}
	root, err := e.rootKey(*rootFile, *word)
	if err != nil {
		return 1, err
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	kid, err := c.NextOnline(ctx, root, *stolen)
	if err == nil {
		_, err = fmt.Fprintf(e.out, "online key %s; a centre that serves signs everything with it now\n", kid)
	}
	return 0, errors.Join(err, c.Close())
}

// rootKey reads the root key's file, and asks for its passphrase if it has one.
func (e *env) rootKey(path, passphraseFile string) (trust.Key, error) {
	return trust.LoadSealedKey(path, func() (string, error) {
		return e.passphrase(passphraseFile, "của khóa gốc / of the root key", false)
	})
}

func passphraseFlag(fs *flag.FlagSet, name, of string) *string {
	return fs.String(name, "", "`file` that holds the passphrase of "+of+"; without it the terminal is asked")
}

// leastPassphrase is the shortest passphrase a root key gets, in bytes: whoever finds the
// file may try for years.
const leastPassphrase = 12

// passphrase comes from a file of one line, or from the terminal, twice for a new key.
func (e *env) passphrase(file, of string, fresh bool) (string, error) {
	var word string
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read the passphrase: %w", err)
		}
		word = strings.TrimRight(string(b), "\r\n")
	} else {
		fd := int(os.Stdin.Fd())
		if !term.IsTerminal(fd) {
			return "", errors.New("no terminal to ask for the passphrase " + of + "; name a file that holds it")
		}
		asks := []string{"Mật khẩu " + of + ": "}
		if fresh {
			asks = append(asks, "Nhập lại / again: ")
		}
		for i, what := range asks {
			fmt.Fprint(e.err, what)
			b, err := term.ReadPassword(fd)
			fmt.Fprintln(e.err)
			if err != nil {
				return "", err
			}
			if i > 0 && string(b) != word {
				return "", errors.New("the two passphrases differ")
			}
			word = string(b)
		}
	}
	if fresh && len(word) < leastPassphrase {
		return "", fmt.Errorf("%w: a passphrase of %d bytes, want at least %d", radio.ErrInvalid, len(word), leastPassphrase)
	}
	return word, nil
}
