-- What a checkpoint has countersigned as lost in a journal (radio.AddGap), so that nobody
-- can add a gap later; NULL for none, and before this was kept.
ALTER TABLE checkpoint_leaf ADD COLUMN gaps BLOB;

-- The checkpoint that names the month as closed; 0 until one does.
ALTER TABLE month_closed ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
