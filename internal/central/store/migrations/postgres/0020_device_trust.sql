-- How identities of devices end. A place whose identity was revoked waits for a new
-- controller, one that was retired for nothing; a new enrolment ends both.
ALTER TABLE device ADD COLUMN revoked_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN retired_at BIGINT NOT NULL DEFAULT 0;

-- A renewed certificate replaces the one before it when the device first shows it.
-- ended: replaced, revoked, retired; '' while it holds.
ALTER TABLE device_certificate ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE device_certificate ADD COLUMN ended TEXT NOT NULL DEFAULT '';
UPDATE device_certificate SET used_at = issued_at;
UPDATE device_certificate SET ended = 'replaced' WHERE revoked_at <> 0;

-- The boards that spoke under each identity since its enrolment.
CREATE TABLE device_machine (
    device      TEXT NOT NULL,
    machine     TEXT NOT NULL,
    first_at    BIGINT NOT NULL,
    last_at     BIGINT NOT NULL,
    returns     BIGINT NOT NULL,
    returned_at BIGINT NOT NULL,
    PRIMARY KEY (device, machine)
);
