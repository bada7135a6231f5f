package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"loaxa/internal/central"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

const keyPersonUsage = "usage: loaxa key person add --root FILE --user LOGIN --area CODE [--may alert,approve] [--password-stdin] | " +
	"revoke --root FILE --user LOGIN [--key KID] | list"

// keyPerson keeps the keys with which persons sign alerts. A running centre publishes the
// new keyring at once.
func keyPerson(ctx context.Context, e *env, args []string) (int, error) {
	usage := errors.New(keyPersonUsage)
	if len(args) == 0 {
		return 2, usage
	}
	fs, file := e.flags("key person " + args[0])
	rootFile := fs.String("root", "", "`file` of the root key")
	login := fs.String("user", "", "`login` of the person")
	area := fs.String("area", "", "`code` of the area the key is for: one commune speaks alone for itself")
	may := fs.String("may", trust.MayAlert, "what it is for: alert, approve")
	kid := fs.String("key", "", "only the `key` of this name")
	stdin := fs.Bool("password-stdin", false, "read the key's password from standard input")
	if err := fs.Parse(args[1:]); err != nil {
		return 2, err
	}
	run := map[string]func(c *central.Central, root trust.Key) error{
		"add": func(c *central.Central, root trust.Key) error {
			password, err := e.password(*stdin)
			if err != nil {
				return err
			}
			k, err := c.AddPersonKey(ctx, root, *login, *area, password, strings.Split(*may, ","), actor())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.out, "key %s of %s for %s; it opens with the password given just now\n", k.KID, *login, *area)
			return err
		},
		"revoke": func(c *central.Central, root trust.Key) error {
			n, err := c.RevokePersonKeys(ctx, root, *login, *kid, actor())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.out, "%d keys of %s revoked\n", n, *login)
			return err
		},
		"list": func(c *central.Central, _ trust.Key) error { return listPersonKeys(ctx, e, c) },
	}[args[0]]
	needs := map[string]bool{"add": *rootFile != "" && *login != "" && *area != "", "revoke": *rootFile != "" && *login != "", "list": true}
	if run == nil || !needs[args[0]] || fs.NArg() != 0 {
		return 2, usage
	}
	var root trust.Key
	if args[0] != "list" {
		var err error
		if root, err = trust.LoadKey(*rootFile); err != nil {
			return 1, err
		}
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	return 0, errors.Join(run(c, root), c.Close())
}

func listPersonKeys(ctx context.Context, e *env, c *central.Central) error {
	keys, err := c.PersonKeys(ctx)
	if err != nil {
		return err
	}
	people, err := c.People(ctx)
	if err != nil {
		return err
	}
	areas, err := c.Areas(ctx)
	if err != nil {
		return err
	}
	logins, codes := map[radio.UserID]string{}, map[radio.AreaID]string{}
	for _, p := range people {
		logins[p.ID] = p.Login
	}
	for _, a := range areas {
		codes[a.ID] = a.Code
	}
	t := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for _, k := range keys {
		state := "works"
		if k.RevokedAt != 0 {
			state = "revoked " + k.RevokedAt.Time().Format(time.DateOnly)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\tsince %s\t%s\n", logins[k.Person], codes[k.Scope], strings.Join(k.May, ","), k.KID, k.CreatedAt.Time().Format(time.DateOnly), state)
	}
	return t.Flush()
}
