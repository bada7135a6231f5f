package radio

import (
	"hash/fnv"
	"time"
)

// FetchUrgent is how long before an airing its audio is fetched at any hour (design §7).
const FetchUrgent = time.Hour

// FetchWindow is when a device fetches what is not urgent, by its own clock: from opens
// on, for some minutes. Each device begins at its own minute of the first half of the
// province's window, unless there is no jitter (demo, tests). always means at any hour.
func (s Settings) FetchWindow(d DeviceID) (opens TimeOfDay, minutes int, always bool) {
	if s.FetchFrom == s.FetchTo {
		return 0, 0, true
	}
	const day = 24 * 60
	length := (int(s.FetchTo) - int(s.FetchFrom) + day) % day
	begin := 0
	if s.JitterMS > 0 && length > 1 {
		h := fnv.New32a()
		h.Write([]byte(d))
		begin = int(h.Sum32() % uint32(length/2+1))
	}
	return TimeOfDay((int(s.FetchFrom) + begin) % day), length - begin, false
}

// FetchOpen says whether what is not urgent may be fetched at a local time of day.
func (s Settings) FetchOpen(d DeviceID, at TimeOfDay) bool {
	opens, minutes, always := s.FetchWindow(d)
	const day = 24 * 60
	return always || (int(at)-int(opens)+day)%day < minutes
}
