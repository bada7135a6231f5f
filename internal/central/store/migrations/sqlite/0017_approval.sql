-- The signature under which a version was approved: what its approver signed is made again
-- from the version. A version that was approved before has none: it needs approval again.
CREATE TABLE approval (
    bulletin           TEXT NOT NULL,
    version            BIGINT NOT NULL,
    kid                TEXT NOT NULL,
    person             TEXT NOT NULL,
    area               TEXT NOT NULL,
    protected          TEXT NOT NULL,
    at                 BIGINT NOT NULL,
    signature          TEXT NOT NULL,
    authenticator_data TEXT NOT NULL DEFAULT '',
    client_data        TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (bulletin, version),
    FOREIGN KEY (bulletin, version) REFERENCES bulletin_version (bulletin, version)
);
