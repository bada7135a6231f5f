package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// TestUserCommands: from an empty folder to a locked account, on a real store.
func TestUserCommands(t *testing.T) {
	t.Setenv("LOAXA_DATA", t.TempDir())
	t.Setenv("LOAXA_CONFIG", "")
	t.Setenv("SUDO_USER", "thu")
	run := func(in string, args ...string) (string, error) {
		var out bytes.Buffer
		_, err := userCommand(t.Context(), &env{in: strings.NewReader(in), out: &out, err: &out}, args)
		return out.String(), err
	}
	for _, c := range []struct {
		name, in, args string
		out            string // a pattern of the output, or of the error
		fails          bool
	}{
		{"nothing to list", "", "list", `no centre|not found|does not`, true},
		{"a weak password", "matkhau123\n", "add --login lan --name Lan --role admin --password-stdin", `too many people`, true},
		{"no role", "chiều nay trời mưa\n", "add --login lan --name Lan --password-stdin", `at least one --role`, true},
		{"the first administrator", "chiều nay trời mưa\n", "add --login lan --name Lan --role admin --password-stdin", `account lan`, false},
		{"an invitation", "", "invite --login hoa --name Hoa --role editor --email hoa@x.vn", `/invite/[0-9A-Z]{26}\n`, false},
		{"a role that is none", "", "grant --login hoa --role king", `no role`, true},
		{"an area that is none", "", "grant --login hoa --role editor@nowhere", `no area`, true},
		{"one role more", "", "grant --login hoa --role viewer", `^hoa: granted viewer\nhoa: holds editor viewer\n$`, false},
		{"the same again", "", "grant --login hoa --role viewer", `^hoa: held viewer already\nhoa: holds editor viewer\n$`, false},
		{"a role not held", "", "revoke --login hoa --role operator --role editor", `hoa does not hold operator; holds editor viewer; nothing is revoked`, true},
		{"one role less", "", "revoke --login hoa --role editor", `^hoa: revoked editor\nhoa: holds viewer\n$`, false},
		{"the last role", "", "revoke --login hoa --role viewer", `^hoa: revoked viewer\nhoa: holds no role\n$`, false},
		{"two people at once", "", "disable --login hoa binh", `\["binh"\]`, true},
		{"a lock", "", "disable --login hoa", `disabled`, false},
		{"no reset while locked", "", "reset --login hoa", `is disabled`, true},
		{"unlocked", "", "enable --login hoa", `enabled`, false},
		{"a reset", "", "reset --login hoa", `/invite/[0-9A-Z]{26}\n`, false},
		{"a second factor without the root key", "", "reset-second --login hoa", `--root`, true},
		{"a second factor that nobody has", "", "confirm-second --login hoa", `hoa has no second factor`, true},
		{"nobody's second factor", "", "confirm-second --login nobody", `not found: .*nobody`, true},
		{"nobody", "", "reset --login nobody", `^not found: person "nobody"$`, true},
		{"a role of nobody", "", "grant --login nobody --role viewer", `^not found: there is no account nobody$`, true},
		{"whose", "", "reset", `name it with --login`, true},
		{"the last administrator stays", "", "disable --login lan", `last administrator`, true},
		{"and keeps the role", "", "revoke --login lan --role admin", `last administrator`, true},
		{"all of them", "", "list", `(?s)hoa .*no role .*invited.*lan .*admin .*works`, false},
		{"no such command", "", "king", `usage`, true},
	} {
		out, err := run(c.in, strings.Fields(c.args)...)
		if err != nil {
			out = explain(err)
		}
		if (err != nil) != c.fails || !regexp.MustCompile(c.out).MatchString(out) {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		}
	}
}
