-- What communes say about schedules that come to them from above (radio.Decision): rows
-- are only added, the newest about the same thing counts. slot '' is every slot, on_date
-- '' every date; other is the second of two schedules that are put in order.
CREATE TABLE decision (
    n        BIGINT PRIMARY KEY,
    area     TEXT NOT NULL,
    schedule TEXT NOT NULL,
    slot     TEXT NOT NULL,
    on_date  TEXT NOT NULL,
    other    TEXT NOT NULL,
    do_what  TEXT NOT NULL,
    to_time  BIGINT NOT NULL,
    to_date  TEXT NOT NULL,
    reason   TEXT NOT NULL,
    person   TEXT NOT NULL,
    at       BIGINT NOT NULL
);
CREATE INDEX decision_about ON decision (area, schedule, slot, on_date, other, n);

-- How a commune takes what is sent to it (radio.OfferRule): only added, the newest counts.
CREATE TABLE offer_rule (
    n      BIGINT PRIMARY KEY,
    area   TEXT NOT NULL,
    choice TEXT NOT NULL,
    hours  BIGINT NOT NULL,
    person TEXT NOT NULL,
    at     BIGINT NOT NULL
);

-- What of a programme the commune keeps off the device; never sent. NULL for nothing.
ALTER TABLE issued ADD COLUMN declined BYTEA;
