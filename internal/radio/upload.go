package radio

import "fmt"

// Upload is a file that comes in pieces.
type Upload struct {
	ID        string `json:"upload"`
	Name      string `json:"name"`               // of the sender's file, to be shown only
	Metadata  string `json:"metadata,omitempty"` // Upload-Metadata, as the sender gave it
	Length    int64  `json:"length"`
	Offset    int64  `json:"offset"` // bytes that have come, and are on the disk
	CreatedAt Millis `json:"created_at"`
	ExpiresAt Millis `json:"expires_at"`
}

// Whole says whether all of it has come.
func (u Upload) Whole() bool { return u.Offset == u.Length }

// UploadQuota refuses an upload of somebody who has too much open; it is an ErrConflict.
type UploadQuota struct{ Open, Limit int }

// Error says what to do next.
func (e *UploadQuota) Error() string {
	return fmt.Sprintf("conflict: %d uploads are open (at most %d, 1 GB together): finish or delete one", e.Open, e.Limit)
}

// Is makes errors.Is(err, ErrConflict) true.
func (e *UploadQuota) Is(target error) bool { return target == ErrConflict }

// UploadLocked refuses a piece while another request sends one of the same upload; it is
// an ErrConflict.
type UploadLocked struct{}

// Error says what is in the way.
func (*UploadLocked) Error() string { return "conflict: another request writes this upload" }

// Is makes errors.Is(err, ErrConflict) true.
func (*UploadLocked) Is(target error) bool { return target == ErrConflict }
