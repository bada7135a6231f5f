-- A version of the operating rules of one place that is not approved yet, at most one of
-- each place. target is area:… or device:…, as in policy. doc is the whole draft.
CREATE TABLE rules_draft (
    target   TEXT PRIMARY KEY,
    base     BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    state    TEXT NOT NULL,
    saved_at BIGINT NOT NULL,
    doc      TEXT NOT NULL
);
