package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"loaxa/internal/central"
	"loaxa/internal/radio"
)

func areaCommand(ctx context.Context, e *env, args []string) (int, error) {
	usage := errors.New("usage: loaxa area list | loaxa area merge --from DAY --areas CODE,CODE (--into CODE | --code CODE --name NAME) | " +
		"loaxa area split --from DAY (--areas HAMLET,… | --devices CODE,…) (--into CODE | --code CODE --name NAME) | " +
		"loaxa area rename --from DAY --areas CODE [--code CODE] [--name NAME] | loaxa area drop ID\n" +
		"all but list and drop take --number, --issuer and --issued of the decision, and --dry-run")
	if len(args) == 0 {
		return 2, usage
	}
	fs, file := e.flags("area " + args[0])
	from := fs.String("from", "", "first `day` of the new order, 2026-07-01")
	codes := fs.String("areas", "", "`codes` of the areas that end, that leave their commune, or of the one that is renamed")
	clusters := fs.String("devices", "", "`codes` of the clusters that leave their hamlet")
	into := fs.String("into", "", "`code` of the area that takes them; else a new one is made")
	code := fs.String("code", "", "code of the new area, or new code")
	name := fs.String("name", "", "name of the new area, or new name")
	number := fs.String("number", "", "number of the decision")
	issuer := fs.String("issuer", "", "who decided")
	issued := fs.String("issued", "", "`day` of the decision")
	carry := fs.Bool("carry", false, "give the people of merged areas the same roles in the area that takes them")
	dry := fs.Bool("dry-run", false, "only tell what would change")
	rest, err := parseMixed(fs, args[1:])
	if err != nil {
		return 2, err
	}
	want, known := map[string]int{"list": 0, "merge": 0, "split": 0, "rename": 0, "drop": 1}[args[0]]
	if !known || len(rest) != want {
		return 2, usage
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	switch args[0] {
	case "list":
		err = listAreas(ctx, e.out, c)
	case "drop":
		err = c.DropAreaChange(ctx, radio.AreaChangeID(rest[0]), actor())
	default:
		ch := radio.AreaChange{Kind: radio.AreaChangeKind(args[0]), From: radio.Date(*from), Code: *code, Name: *name, Number: *number,
			Issuer: *issuer, Issued: radio.Date(*issued), Carry: *carry, Author: radio.UserID(actor())}
		if err = resolveAreas(ctx, c, &ch, *codes, *clusters, *into); err == nil {
			err = changeAreas(ctx, e.out, c, ch, *dry)
		}
	}
	return 0, errors.Join(err, c.Close())
}

func commaList(s string) (out []string) {
	for _, v := range strings.Split(s, ",") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// resolveAreas finds what the codes name.
func resolveAreas(ctx context.Context, c *central.Central, ch *radio.AreaChange, codes, clusters, into string) error {
	for _, v := range commaList(codes) {
		a, err := c.AreaByCode(ctx, v)
		if err != nil {
			return err
		}
		ch.Areas = append(ch.Areas, a.ID)
	}
	for _, v := range commaList(clusters) {
		d, err := c.DeviceByCode(ctx, v)
		if err != nil {
			return err
		}
		ch.Devices = append(ch.Devices, d.ID)
	}
	if into != "" {
		a, err := c.AreaByCode(ctx, into)
		if err != nil {
			return err
		}
		ch.Into = a.ID
	}
	return nil
}

func changeAreas(ctx context.Context, w io.Writer, c *central.Central, ch radio.AreaChange, dry bool) error {
	r, err := c.ChangeAreas(ctx, ch, dry)
	if err != nil {
		return err
	}
	names := map[radio.AreaID]string{}
	for _, a := range slices.Concat(r.Effect.Was, r.Effect.Areas, []radio.Area{r.Effect.Takes}) {
		names[a.ID] = a.Name
	}
	for _, was := range r.Effect.Was {
		fmt.Fprintf(w, "%s (%s)", was.Name, was.Code)
		for _, a := range r.Effect.Areas {
			switch {
			case a.ID != was.ID:
			case a.Parent != was.Parent:
				fmt.Fprintf(w, " → %s", names[a.Parent])
			default:
				fmt.Fprintf(w, " → %s (%s)", a.Name, a.Code)
			}
		}
		fmt.Fprintln(w)
	}
	for _, p := range r.People {
		fmt.Fprintf(w, "người / person: %s (%s), %s, %s\n", p.Name, p.Login, p.Role, names[p.Area])
	}
	for _, p := range r.Keys {
		fmt.Fprintf(w, "khóa ký chỉ còn cho phần cũ / key for the old part only: %s (%s), %s\n", p.Name, p.Login, names[p.Area])
	}
	if n := len(r.Effect.Words); n > 0 {
		fmt.Fprintf(w, "%d ý kiến của xã cũ tiếp tục / decisions of the old commune go on\n", n)
	}
	if n := r.Effect.Unsaid; n > 0 {
		fmt.Fprintf(w, "⚠ %d ý kiến của xã cũ không còn hiệu lực, xã cần trả lời lại / decisions of the old commune end; the commune has to answer anew\n", n)
	}
	for _, s := range r.Effect.Silent {
		fmt.Fprintf(w, "⚠ lịch không còn tới phần tách ra / schedule that no longer reaches what leaves: %s “%s”\n", s.Code, s.Title)
	}
	state := "chờ đến ngày / waits for its day " + string(ch.From)
	switch {
	case dry:
		state = "chỉ xem trước / nothing was written"
	case r.Change.AppliedAt != 0:
		state = "đã có hiệu lực / in effect"
	}
	_, err = fmt.Fprintf(w, "%d cụm loa / devices; %s\n", r.Devices, strings.TrimSpace(string(r.Change.ID)+" "+state))
	return err
}

func listAreas(ctx context.Context, w io.Writer, c *central.Central) error {
	areas, err := c.Areas(ctx)
	if err != nil {
		return err
	}
	changes, names, err := c.AreaHistory(ctx)
	if err != nil {
		return err
	}
	tree := radio.NewAreaTree(areas)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, a := range areas {
		note := ""
		if now, ok := tree.Live(a.ID); ok && a.Ended() {
			note = fmt.Sprintf("đến %s, nay thuộc / until, now in %s (%s)", a.ValidTo, now.Name, now.Code)
		}
		for _, n := range names {
			if n.Area == a.ID {
				note = strings.TrimSpace(note + fmt.Sprintf(" trước là / was %s (%s) đến / until %s", n.Name, n.Code, n.Until))
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", a.Code, a.Kind, a.Name, note)
	}
	for _, ch := range changes {
		switch {
		case ch.Failed != "" && ch.Waits():
			fmt.Fprintf(t, "%s\t%s\t%s\t⚠ %s\n", ch.ID, ch.Kind, ch.From, ch.Failed)
		case ch.Waits():
			fmt.Fprintf(t, "%s\t%s\t%s\tchờ / waits\n", ch.ID, ch.Kind, ch.From)
		}
	}
	return t.Flush()
}
