package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"loaxa/internal/central"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

const keyPersonUsage = "usage: loaxa key person add --root FILE --user LOGIN --area CODE [--may alert,approve] [--until DATE] [--password-stdin | --passkey KID] | " +
	"retire|revoke --root FILE --user LOGIN [--key KID] | list"

// keyPerson keeps the keys with which persons sign alerts and approvals. A running centre
// publishes the new keyring at once.
func keyPerson(ctx context.Context, e *env, args []string) (int, error) {
	usage := errors.New(keyPersonUsage)
	if len(args) == 0 {
		return 2, usage
	}
	fs, file := e.flags("key person " + args[0])
	rootFile := fs.String("root", "", "`file` of the root key")
	word := passphraseFlag(fs, "passphrase-file", "the root key")
	login := fs.String("user", "", "`login` of the person")
	area := fs.String("area", "", "`code` of the area the key is for: one commune speaks alone for itself")
	may := fs.String("may", trust.MayAlert, "what it is for: alert, approve")
	until := fs.String("until", "", "last `day` of the key in the province, such as 2027-06-30; without it the key has no end")
	passkey := fs.String("passkey", "", "`name` of a passkey that the person has registered, as their account page shows it: it becomes the key")
	kid := fs.String("key", "", "only the `key` of this name")
	stdin := fs.Bool("password-stdin", false, "read the key's password from standard input")
	if err := fs.Parse(args[1:]); err != nil {
		return 2, err
	}
	run := map[string]func(c *central.Central, root trust.Key) error{
		"add": func(c *central.Central, root trust.Key) error {
			o := central.KeyOrder{Login: *login, Area: *area, May: strings.Split(*may, ","), Until: *until, Passkey: *passkey}
			opens := "its person's passkey signs with it"
			if o.Passkey == "" {
				var err error
				if o.Password, err = e.password(*stdin); err != nil {
					return err
				}
				opens = "it opens with the password given just now"
			}
			k, err := c.AddKey(ctx, root, o, actor())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.out, "key %s of %s for %s; %s\n", k.KID, *login, *area, opens)
			return err
		},
		"retire": func(c *central.Central, root trust.Key) error {
			n, err := c.RetirePersonKeys(ctx, root, *login, *kid, actor())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.out, "%d keys of %s sign no more; what they have signed counts on\n", n, *login)
			return err
		},
		"revoke": func(c *central.Central, root trust.Key) error {
			n, err := c.RevokePersonKeys(ctx, root, *login, *kid, actor())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.out, "%d keys of %s revoked, with all that they have signed\n", n, *login)
			return err
		},
		"list": func(c *central.Central, _ trust.Key) error { return listPersonKeys(ctx, e, c) },
	}[args[0]]
	needs := map[string]bool{"add": *rootFile != "" && *login != "" && *area != "", "retire": *rootFile != "" && *login != "", "revoke": *rootFile != "" && *login != "", "list": true}
	if run == nil || !needs[args[0]] || fs.NArg() != 0 {
		return 2, usage
	}
	var root trust.Key
	if args[0] != "list" {
		var err error
		if root, err = e.rootKey(*rootFile, *word); err != nil {
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
		kind := "password"
		if k.Passkey {
			kind = "passkey " + strconv.Quote(k.Name)
		}
		state := map[radio.KeyState]string{radio.KeyWaits: "waits: loaxa key person add --passkey " + k.KID, radio.KeyWorks: "works", radio.KeyEnded: "ended", radio.KeyRevoked: "revoked"}[k.State]
		switch end := zoned(k.NotAfter); {
		case k.NotAfter != 0 && k.State == radio.KeyWorks:
			state += " until " + end
		case k.NotAfter != 0 && k.State == radio.KeyEnded:
			state += " " + end
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\tsince %s\t%s\n", logins[k.Person], codes[k.Scope], strings.Join(k.May, ","), k.KID, kind, zoned(k.CreatedAt), state)
	}
	return t.Flush()
}
