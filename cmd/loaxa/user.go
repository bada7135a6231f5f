package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"loaxa/internal/central"
	"loaxa/internal/radio"
)

func userCommand(ctx context.Context, e *env, args []string) (int, error) {
	usage := errors.New("usage: loaxa user add --login LOGIN --name NAME --role ROLE[@COMMUNE]… [--password-stdin] | loaxa user password --login LOGIN [--password-stdin] | loaxa user list")
	if len(args) == 0 {
		return 2, usage
	}
	fs, file := e.flags("user " + args[0])
	login := fs.String("login", "", "account name: a-z, 0-9, dot, hyphen")
	name := fs.String("name", "", "the person's name")
	var roles roleFlags
	fs.Var(&roles, "role", "what the account may do, as `ROLE` (whole province) or ROLE@COMMUNE-CODE; again for more; roles: editor, approver, operator, provider, viewer, admin")
	stdin := fs.Bool("password-stdin", false, "read the password from standard input")
	if err := fs.Parse(args[1:]); err != nil {
		return 2, err
	}
	opener := e.openQuiet
	if args[0] == "add" {
		opener = e.openFirst
	}
	c, err := opener(ctx, *file)
	if err != nil {
		return 1, err
	}
	switch args[0] {
	case "add":
		err = addUser(ctx, e, c, *login, *name, roles, *stdin)
	case "password":
		err = setPassword(ctx, e, c, *login, *stdin)
	case "list":
		err = listUsers(ctx, e, c)
	default:
		err = usage
	}
	return 0, errors.Join(err, c.Close())
}

// openFirst opens the centre, or makes a new one in the folder configured.
func (e *env) openFirst(ctx context.Context, file string) (*central.Central, error) {
	cfg, err := e.load(file)
	if err != nil {
		return nil, err
	}
	return open(ctx, cfg, e.quiet())
}

// roleFlags collects --role flags.
type roleFlags []string

func (r *roleFlags) String() string { return strings.Join(*r, ",") }

// Set is flag.Value.
func (r *roleFlags) Set(s string) error {
	*r = append(*r, s)
	return nil
}

// grants turns role flags into grants: the area is named by its code.
func grants(ctx context.Context, c *central.Central, flags roleFlags) ([]radio.Grant, error) {
	if len(flags) == 0 {
		return nil, errors.New("name at least one --role, for example --role editor or --role operator@thach-ha")
	}
	var out []radio.Grant
	for _, f := range flags {
		role, code, narrow := strings.Cut(f, "@")
		g := radio.Grant{Role: radio.Role(role), Area: radio.Everywhere}
		if !g.Role.Valid() {
			return nil, fmt.Errorf("%w: no role %q", radio.ErrInvalid, role)
		}
		if narrow {
			a, err := c.AreaByCode(ctx, code)
			if err != nil {
				return nil, err
			}
			g.Area = a.ID
		}
		out = append(out, g)
	}
	return out, nil
}

func addUser(ctx context.Context, e *env, c *central.Central, login, name string, roles roleFlags, stdin bool) error {
	granted, err := grants(ctx, c, roles)
	if err != nil {
		return err
	}
	password, err := e.password(stdin)
	if err != nil {
		return err
	}
	p, err := c.AddPerson(ctx, login, name, password, granted, actor())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "account %s (%s) made\n", p.Login, p.Name)
	return err
}

func setPassword(ctx context.Context, e *env, c *central.Central, login string, stdin bool) error {
	password, err := e.password(stdin)
	if err != nil {
		return err
	}
	if err := c.SetPassword(ctx, login, password, actor()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "password of %s replaced; sessions ended\n", login)
	return err
}

// password is asked for on the terminal, twice, without showing it.
func (e *env) password(stdin bool) (string, error) {
	if stdin {
		b, err := io.ReadAll(io.LimitReader(e.in, 1024))
		return strings.TrimRight(string(b), "\r\n"), err
	}
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return "", errors.New("no terminal to ask for the password; use --password-stdin")
	}
	ask := func(what string) (string, error) {
		fmt.Fprint(e.err, what)
		b, err := term.ReadPassword(fd)
		fmt.Fprintln(e.err)
		return string(b), err
	}
	first, err := ask("Mật khẩu / password: ")
	if err != nil {
		return "", err
	}
	second, err := ask("Nhập lại / again: ")
	if err == nil && first != second {
		err = errors.New("the two passwords differ")
	}
	return first, err
}

func listUsers(ctx context.Context, e *env, c *central.Central) error {
	people, err := c.People(ctx)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for _, p := range people {
		fmt.Fprintf(t, "%s\t%s\tsince %s\n", p.Login, p.Name, p.CreatedAt.Time().Format(time.DateOnly))
	}
	return t.Flush()
}

// actor names who runs a command, for the audit.
func actor() string {
	if u := os.Getenv("SUDO_USER"); u != "" {
		return "command:" + u
	}
	if u := os.Getenv("USER"); u != "" {
		return "command:" + u
	}
	return fmt.Sprintf("command:uid-%d", os.Getuid())
}
