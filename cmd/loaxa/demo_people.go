package main

import (
	"context"

	"loaxa/internal/trust"
)

// demoPassword stands here because the demo listens on loopback only and its data is
// thrown away. Nothing else makes accounts with a password of ours (a test holds that).
const demoPassword = "chi-de-chay-thu"

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
		if _, err := d.centre.AddPerson(ctx, a.login, a.name, demoPassword, granted, "demo"); err != nil {
			return err
		}
		d.note("%-12s %-40s %s", a.login, a.name, a.roles.String())
	}
	return nil
}

// addKeys gives the demo's signers their keys: two persons of the culture department,
// who sign together for any area, and one of the commune, who signs alone for it.
func (d *demoRun) addKeys(ctx context.Context, root trust.Key) error {
	for _, k := range []struct{ login, area string }{{demoApprover, "demo"}, {"truc-ban", "demo"}, {"xa-duyet", "demo-xa"}} {
		if _, err := d.centre.AddPersonKey(ctx, root, k.login, k.area, demoPassword, []string{trust.MayAlert}, "demo"); err != nil {
			return err
		}
		d.note("%-12s signs emergencies in %s (loaxa alert, or the console)", k.login, k.area)
	}
	return nil
}
