-- Which alert an airing is a cycle of; '' of every other. A standing alert lasts a year:
-- by time alone all cycles of that year would be read for its board.
ALTER TABLE airing ADD COLUMN alert TEXT NOT NULL DEFAULT '';
UPDATE airing SET alert = COALESCE((SELECT c.body ->> 'schedule' FROM caption c WHERE c.id = airing.item), '') WHERE origin = 'alert';
DROP INDEX airing_alert;
CREATE INDEX airing_of_alert ON airing (alert, start, device) WHERE alert <> '';
