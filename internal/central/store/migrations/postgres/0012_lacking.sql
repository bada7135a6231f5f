-- What was planned and did not sound is asked for of one bulletin or one campaign, too.
-- Such rows are rare: neither the aired ones nor the days still pending are passed.
CREATE INDEX airing_bulletin_lacking ON airing (bulletin, day, start, airing, outcome, slot) WHERE bulletin <> '' AND outcome NOT IN ('aired', 'pending');
CREATE INDEX airing_campaign_lacking ON airing (campaign, day, start, airing, outcome, slot, commune) WHERE campaign <> '' AND outcome NOT IN ('aired', 'pending');
