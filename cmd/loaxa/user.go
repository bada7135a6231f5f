package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"loaxa/internal/central"
	"loaxa/internal/radio"
)

const userUsage = `usage:
  loaxa user add     --login LOGIN --name NAME --role ROLE[@COMMUNE]… [--password-stdin]
  loaxa user invite  --login LOGIN --name NAME --role ROLE[@COMMUNE]… [--email E] [--phone P]   prints a link, for 7 days
  loaxa user reset   --login LOGIN     takes the password away, ends sessions and tokens, prints a link, for 24 hours
  loaxa user password --login LOGIN [--password-stdin]
  loaxa user grant | revoke  --login LOGIN --role ROLE[@COMMUNE]…
  loaxa user disable | enable --login LOGIN
  loaxa user reset-second --login LOGIN --root FILE    takes the second factor away, where no two administrators can; ends sessions
  loaxa user confirm-second --login L                  a first second factor counts at once, not after 24 hours: ask its person first
  loaxa user list
roles: editor, approver, operator, provider, viewer, admin`

// userFlags are the flags of all user commands.
type userFlags struct {
	login, name, email, phone string
	roles                     roleFlags
	stdin                     bool
	root, passphrase          string // files
}

func userCommand(ctx context.Context, e *env, args []string) (int, error) {
	if len(args) == 0 {
		return 2, errors.New(userUsage)
	}
	do, ok := userCommands()[args[0]]
	if !ok {
		return 2, errors.New(userUsage)
	}
	var f userFlags
	fs, file := e.flags("user " + args[0])
	fs.StringVar(&f.login, "login", "", "account name: a-z, 0-9, dot, hyphen")
	fs.StringVar(&f.name, "name", "", "the person's name")
	fs.StringVar(&f.email, "email", "", "the person's e-mail address")
	fs.StringVar(&f.phone, "phone", "", "the person's telephone number")
	fs.Var(&f.roles, "role", "what the account may do, as `ROLE` (whole province) or ROLE@COMMUNE-CODE; again for more; roles: editor, approver, operator, provider, viewer, admin")
	fs.BoolVar(&f.stdin, "password-stdin", false, "read the password from standard input")
	if args[0] == "reset-second" {
		fs.StringVar(&f.root, "root", "", "`file` of the root key")
		fs.StringVar(&f.passphrase, "passphrase-file", "", "`file` that holds the root key's passphrase; without it the terminal is asked")
	}
	if err := parse(fs, args[1:]); err != nil {
		return 2, err
	}
	opener := e.openQuiet
	if f.login == "" && args[0] != "list" {
		return 2, fmt.Errorf("used wrongly: whose account? name it with --login\n%s", userUsage)
	}
	if args[0] == "add" || args[0] == "invite" {
		opener = e.openFirst
	}
	c, err := opener(ctx, *file)
	if err != nil {
		return 1, err
	}
	return 0, errors.Join(do(ctx, e, c, f), c.Close())
}

// userCommands are the commands below user.
func userCommands() map[string]func(context.Context, *env, *central.Central, userFlags) error {
	return map[string]func(context.Context, *env, *central.Central, userFlags) error{
		"reset-second": resetSecond, "confirm-second": confirmSecond,
		"add": addUser, "invite": inviteUser, "reset": resetUser, "password": setPassword, "list": listUsers,
		"grant": func(ctx context.Context, e *env, c *central.Central, f userFlags) error {
			return changeGrants(ctx, e, c, f, false)
		},
		"revoke": func(ctx context.Context, e *env, c *central.Central, f userFlags) error {
			return changeGrants(ctx, e, c, f, true)
		},
		"disable": func(ctx context.Context, e *env, c *central.Central, f userFlags) error {
			return disableUser(ctx, e, c, f, true)
		},
		"enable": func(ctx context.Context, e *env, c *central.Central, f userFlags) error {
			return disableUser(ctx, e, c, f, false)
		},
	}
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

func addUser(ctx context.Context, e *env, c *central.Central, f userFlags) error {
	granted, err := grants(ctx, c, f.roles)
	if err != nil {
		return err
	}
	password, err := e.password(f.stdin)
	if err != nil {
		return err
	}
	p, err := c.AddPerson(ctx, f.login, f.name, password, granted, actor())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "account %s (%s) made\n", p.Login, p.Name)
	return err
}

func inviteUser(ctx context.Context, e *env, c *central.Central, f userFlags) error {
	granted, err := grants(ctx, c, f.roles)
	if err != nil {
		return err
	}
	link, until, err := c.Invite(ctx, f.login, radio.Profile{Name: f.name, Email: f.email, Phone: f.phone}, granted, actor())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "account %s made; the person sets the password at\n%s\nonce, until %s\n", f.login, link, zonedMinute(until))
	return err
}

func resetUser(ctx context.Context, e *env, c *central.Central, f userFlags) error {
	link, until, err := c.ResetPassword(ctx, f.login, actor())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "password of %s taken away, sessions and tokens ended; the person sets a new one at\n%s\nonce, until %s\n", f.login, link, zonedMinute(until))
	return err
}

// resetSecond takes a second factor away on the word of the root key.
func resetSecond(ctx context.Context, e *env, c *central.Central, f userFlags) error {
	if f.root == "" {
		return errors.New("name the root key's file with --root; on the console two administrators do it together")
	}
	root, err := e.rootKey(f.root, f.passphrase)
	if err != nil {
		return err
	}
	if err := c.ResetSecond(ctx, root, f.login, actor()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "second factor of %s taken away, sessions ended; the person sets up another one\n", f.login)
	return err
}

// confirmSecond makes a first second factor count at once.
func confirmSecond(ctx context.Context, e *env, c *central.Central, f userFlags) error {
	if err := c.CountSecond(ctx, f.login, actor()); err != nil {
		return err
	}
	_, err := fmt.Fprintf(e.out, "second factor of %s confirmed: it counts from now on\n", f.login)
	return err
}

func changeGrants(ctx context.Context, e *env, c *central.Central, f userFlags, take bool) error {
	give, err := grants(ctx, c, f.roles)
	if err != nil {
		return err
	}
	words, err := grantWords(ctx, c)
	if err != nil {
		return err
	}
	held, err := grantsOf(ctx, c, f.login)
	if err != nil {
		return err
	}
	holds := func(g radio.Grant) bool { return slices.Contains(held, g) }
	var gone []radio.Grant
	did, unlike := "granted", slices.DeleteFunc(slices.Clone(give), func(g radio.Grant) bool { return !holds(g) })
	if take {
		give, gone = nil, give
		did, unlike = "revoked", slices.DeleteFunc(slices.Clone(gone), holds)
		if len(unlike) > 0 {
			return fmt.Errorf("%w: %s does not hold %s; holds %s; nothing is revoked", radio.ErrNotFound, f.login, words(unlike), words(held))
		}
	}
	now, err := c.ChangeGrants(ctx, f.login, give, gone, actor())
	if err != nil {
		return err
	}
	if fresh := slices.DeleteFunc(append(give, gone...), func(g radio.Grant) bool { return slices.Contains(unlike, g) }); len(fresh) > 0 {
		fmt.Fprintf(e.out, "%s: %s %s\n", f.login, did, words(fresh))
	}
	if len(unlike) > 0 {
		fmt.Fprintf(e.out, "%s: held %s already\n", f.login, words(unlike))
	}
	_, err = fmt.Fprintf(e.out, "%s: holds %s\n", f.login, words(now))
	return err
}

// grantsOf finds the roles of an account, also of one that is disabled.
func grantsOf(ctx context.Context, c *central.Central, login string) ([]radio.Grant, error) {
	people, err := c.People(ctx)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(people, func(a radio.Account) bool { return a.Login == login }); i >= 0 {
		return people[i].Grants, nil
	}
	return nil, fmt.Errorf("%w: there is no account %s", radio.ErrNotFound, login)
}

func disableUser(ctx context.Context, e *env, c *central.Central, f userFlags, disabled bool) error {
	if err := c.SetDisabled(ctx, f.login, disabled, actor()); err != nil {
		return err
	}
	said := "account %s enabled\n"
	if disabled {
		said = "account %s disabled; sessions, codes and tokens ended\n"
	}
	_, err := fmt.Fprintf(e.out, said, f.login)
	return err
}

func setPassword(ctx context.Context, e *env, c *central.Central, f userFlags) error {
	password, err := e.password(f.stdin)
	if err != nil {
		return err
	}
	if err := c.SetPassword(ctx, f.login, password, actor()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "password of %s replaced; sessions and tokens ended\n", f.login)
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

// grantWords gives a writer of grants as flags take them.
func grantWords(ctx context.Context, c *central.Central) (func([]radio.Grant) string, error) {
	areas, err := c.Areas(ctx)
	tree := radio.NewAreaTree(areas)
	return func(grants []radio.Grant) string {
		words := make([]string, len(grants))
		for i, g := range grants {
			words[i] = string(g.Role)
			if a, ok := tree.Area(g.Area); ok {
				words[i] += "@" + a.Code
			} else if g.Area != radio.Everywhere {
				words[i] += "@" + string(g.Area)
			}
		}
		if len(words) == 0 {
			return "no role"
		}
		return strings.Join(words, " ")
	}, err
}

func listUsers(ctx context.Context, e *env, c *central.Central, _ userFlags) error {
	people, err := c.People(ctx)
	if err != nil {
		return err
	}
	words, err := grantWords(ctx, c)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for _, p := range people {
		state := "works"
		switch {
		case p.DisabledAt != 0:
			state = "disabled"
		case p.PasswordHash == "":
			state = "invited"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\tsince %s\n", p.Login, p.Name, words(p.Grants), state, p.CreatedAt.Time().Format(time.DateOnly))
	}
	return t.Flush()
}

// actor names who runs a command, for the audit.
func actor() string { return "command:" + operator() }

// operator is the system's user who runs a command: the one the kernel knows, not the one
// the environment claims, except under root, who may say for whom sudo runs.
func operator() string {
	if name := os.Getenv("SUDO_USER"); name != "" && os.Getuid() == 0 {
		return name
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("uid-%d", os.Getuid())
}
