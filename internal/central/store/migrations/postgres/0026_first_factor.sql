-- A person's first second factor counts for what takes a code only from counts_at on (0: from
-- its first code on). mail_from is when its owner was to be told of it, 0 when that is done.
ALTER TABLE second_factor ADD COLUMN counts_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE second_factor ADD COLUMN mail_from BIGINT NOT NULL DEFAULT 0;

-- uncoded is 1 for what a person has put on the air without a code: within a day such
-- publications count together.
ALTER TABLE schedule_version ADD COLUMN uncoded INTEGER NOT NULL DEFAULT 0;
CREATE INDEX schedule_version_uncoded ON schedule_version (approver, approved_at) WHERE uncoded = 1;
