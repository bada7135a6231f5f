package web

import "loaxa/internal/radio"

// vetoText names the part of the policy that refuses an airing.
func vetoText(v radio.Veto) string {
	return word(map[radio.Veto]string{
		radio.VetoHours: "ngoài khung giờ được phép", radio.VetoMourning: "ngày không được phát", radio.VetoException: "ngày lễ, Tết có khung giờ riêng",
		radio.VetoSessions: "quá số phiên một ngày", radio.VetoMinutes: "quá số phút một ngày",
		radio.VetoQuiet: "giờ yên tĩnh riêng của nơi đặt cụm loa",
	}, v)
}
