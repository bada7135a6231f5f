-- What a person may do, and in which area with everything below it; area '*' is the
-- whole province.
CREATE TABLE person_grant (
    person TEXT NOT NULL REFERENCES person (id),
    role   TEXT NOT NULL,
    area   TEXT NOT NULL,
    PRIMARY KEY (person, role, area)
);
