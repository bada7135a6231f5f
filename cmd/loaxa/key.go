package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"loaxa/internal/trust"
)

func keyCommand(ctx context.Context, e *env, args []string) (int, error) {
	usage := errors.New("usage: loaxa key root --out FILE | loaxa key sign --root FILE --broker mqtts://HOST:8883 --media https://HOST:8443 | loaxa key person add|revoke|list")
	if len(args) == 0 {
		return 2, usage
	}
	if args[0] == "person" {
		return keyPerson(ctx, e, args[1:])
	}
	fs, file := e.flags("key " + args[0])
	out := fs.String("out", "", "new `file` for the root key; keep it offline")
	rootFile := fs.String("root", "", "`file` of the root key")
	brokers := fs.String("broker", "", "where devices find the broker, comma-separated mqtts:// addresses")
	medias := fs.String("media", "", "where devices fetch audio, comma-separated https:// addresses")
	if err := fs.Parse(args[1:]); err != nil {
		return 2, err
	}
	switch {
	case args[0] == "root" && *out != "":
		k, err := trust.Generate()
		if err != nil {
			return 1, err
		}
		if err := trust.SaveKey(*out, k); err != nil {
			return 1, err
		}
		_, err = fmt.Fprintf(e.out, "root key %s in %s; carry it away after `loaxa key sign`\n", k.KID(), *out)
		return 0, err
	case args[0] == "sign" && *rootFile != "" && *brokers != "" && *medias != "":
		root, err := trust.LoadKey(*rootFile)
		if err != nil {
			return 1, err
		}
		c, err := e.openQuiet(ctx, *file)
		if err != nil {
			return 1, err
		}
		err = c.MakeKeys(ctx, root, trust.Endpoints{Brokers: strings.Split(*brokers, ","), Media: strings.Split(*medias, ",")})
		if err == nil {
			_, err = fmt.Fprintln(e.out, "keyring signed; a centre that serves publishes it now, otherwise start `loaxa serve`")
		}
		return 0, errors.Join(err, c.Close())
	}
	return 2, usage
}
