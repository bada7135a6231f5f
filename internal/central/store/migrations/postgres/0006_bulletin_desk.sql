-- The desk of bulletins: whose they are, all their words, drafts, who listened, and
-- which programme of a device played what.
ALTER TABLE bulletin ADD COLUMN area TEXT NOT NULL DEFAULT '';
UPDATE bulletin SET area = COALESCE((SELECT id FROM area WHERE kind = 'province' ORDER BY id LIMIT 1), '');

ALTER TABLE bulletin_version ADD COLUMN summary TEXT NOT NULL DEFAULT '';
ALTER TABLE bulletin_version ADD COLUMN priority TEXT NOT NULL DEFAULT 'normal';
ALTER TABLE bulletin_version ADD COLUMN pen_name TEXT NOT NULL DEFAULT '';
ALTER TABLE bulletin_version ADD COLUMN campaign TEXT NOT NULL DEFAULT '';
ALTER TABLE bulletin_version ADD COLUMN valid_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bulletin_version ADD COLUMN transcript TEXT NOT NULL DEFAULT '';
ALTER TABLE bulletin_version ADD COLUMN transcript_sha256 TEXT NOT NULL DEFAULT '';
ALTER TABLE bulletin_version ADD COLUMN edited_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bulletin_version ADD COLUMN submitted_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bulletin_version ADD COLUMN cut_off_by TEXT NOT NULL DEFAULT '';
ALTER TABLE bulletin_version ADD COLUMN cut_off_at BIGINT NOT NULL DEFAULT 0;
-- What is searched, without diacritics; filled in at the next start for older rows.
ALTER TABLE bulletin_version ADD COLUMN search TEXT NOT NULL DEFAULT '';
UPDATE bulletin_version SET submitted_at = created_at;
CREATE INDEX bulletin_version_source ON bulletin_version (source_sha256);
CREATE INDEX bulletin_version_created ON bulletin_version (created_at, bulletin);

-- The bars of a waveform, by the hash of the main rendition.
CREATE TABLE waveform (
    sha256 TEXT PRIMARY KEY,
    peaks  BYTEA NOT NULL
);

-- What a person heard of a version's audio; spans is JSON.
CREATE TABLE bulletin_listening (
    person   TEXT NOT NULL,
    bulletin TEXT NOT NULL,
    version  INTEGER NOT NULL,
    sha256   TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at  BIGINT NOT NULL,
    spans    TEXT NOT NULL,
    PRIMARY KEY (person, bulletin, version, sha256)
);

-- Of each device: the last programme that played a bulletin version. Kept as long as
-- issued documents.
CREATE TABLE programme_bulletin (
    device    TEXT NOT NULL,
    bulletin  TEXT NOT NULL,
    version   INTEGER NOT NULL,
    revision  BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    PRIMARY KEY (bulletin, version, device)
);
CREATE INDEX programme_bulletin_device ON programme_bulletin (device, issued_at);
INSERT INTO programme_bulletin (device, bulletin, version, revision, issued_at)
SELECT i.device, a ->> 'bulletin', (a ->> 'version')::INTEGER, MAX(i.revision), MAX(i.issued_at)
FROM issued i, jsonb_array_elements(convert_from(i.payload, 'UTF8')::JSONB -> 'audio') a
WHERE i.document = 'programme' GROUP BY 1, 2, 3;
