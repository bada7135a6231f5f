package main

import (
	"context"
	"crypto/rand"
	"strings"

	"loaxa/internal/trust"
)

// demoPassword makes the one password of a demo's accounts and keys: another one in every
// demo, told on the screen. Nothing else makes accounts with a password that no person
// chose (a test holds that).
func demoPassword() string {
	word := strings.ToLower(rand.Text())
	return word[:4] + "-" + word[4:8] + "-" + word[8:12]
}

// demoAccount is one of the people that the centre is made for.
type demoAccount struct {
	login, name string
	roles       roleFlags
}

// demoProvince are the people of the culture department and of the other departments.
func demoProvince() []demoAccount {
	return []demoAccount{
		{demoAuthor, "Biên tập viên của Sở (chạy thử)", roleFlags{"editor"}},
		{demoApprover, "Người duyệt của Sở (chạy thử)", roleFlags{"approver"}},
		{"truc-ban", "Lãnh đạo trực ban, người ký thứ hai (chạy thử)", roleFlags{"approver"}},
		{"cung-cap", "Đơn vị cung cấp nội dung (chạy thử)", roleFlags{"provider"}},
		{"lanh-dao", "Lãnh đạo, thanh tra (chạy thử)", roleFlags{"viewer"}},
		{"quan-tri", "Quản trị hệ thống (chạy thử)", roleFlags{"admin"}},
	}
}

// demoCommunes are the people of the communes; the areas must be there.
func demoCommunes() []demoAccount {
	return []demoAccount{
		{"xa-bien-tap", "Biên tập viên của xã (chạy thử)", roleFlags{"editor@demo-xa"}},
		{"xa-duyet", "Người duyệt của xã (chạy thử)", roleFlags{"approver@demo-xa"}},
		{"xa-van-hanh", "Cán bộ vận hành của xã (chạy thử)", roleFlags{"operator@demo-xa"}},
		{"hai-noi", "Phụ trách xã và phường (chạy thử)", roleFlags{"editor@demo-xa", "operator@demo-xa", "editor@demo-phuong", "operator@demo-phuong"}},
	}
}

// addAccounts makes accounts of the demo and tells them.
func (d *demoRun) addAccounts(ctx context.Context, all []demoAccount) error {
	for _, a := range all {
		granted, err := grants(ctx, d.centre, a.roles)
		if err != nil {
			return err
		}
		if _, err := d.centre.AddPerson(ctx, a.login, a.name, d.password, granted, "demo"); err != nil {
			return err
		}
		d.note("%-12s %-40s %s", a.login, a.name, a.roles.String())
	}
	return nil
}

// addKeys gives the demo's signers their keys: two persons of the culture department,
// who sign emergencies together for any area, and one of the commune, who signs alone for
// it. The department's approver and the commune's sign for bulletins too.
func (d *demoRun) addKeys(ctx context.Context, root trust.Key) error {
	both := []string{trust.MayAlert, trust.MayApprove}
	for _, k := range []struct {
		login, area string
		may         []string
	}{{demoApprover, "demo", both}, {"truc-ban", "demo", both[:1]}, {"xa-duyet", "demo-xa", both}} {
		if _, err := d.centre.AddPersonKey(ctx, root, k.login, k.area, d.password, k.may, "demo"); err != nil {
			return err
		}
		d.note("%-12s may sign in %s: %s", k.login, k.area, strings.Join(k.may, ", "))
	}
	return nil
}
