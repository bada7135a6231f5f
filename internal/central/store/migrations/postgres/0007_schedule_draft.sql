-- A version of a schedule that is not on the air yet, at most one of each. A new
-- schedule has no row in schedule while it is only a draft. doc is the whole draft.
CREATE TABLE schedule_draft (
    schedule TEXT PRIMARY KEY,
    code     TEXT NOT NULL UNIQUE,
    base     BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    state    TEXT NOT NULL,
    saved_at BIGINT NOT NULL,
    doc      TEXT NOT NULL
);
