-- What people ordered (điều khiển từ xa): one batch for each order, one command for each
-- of its devices. The envelope is not kept: it is signed whenever it is sent. What devices
-- say of it are receipts under the command's id.
CREATE TABLE command_batch (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    gain_db    REAL NOT NULL,
    airing     TEXT NOT NULL,
    area       TEXT NOT NULL REFERENCES area (id),
    issued_by  TEXT NOT NULL,
    issued_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    devices    INTEGER NOT NULL
);
CREATE INDEX command_batch_issued ON command_batch (issued_at, id);
CREATE INDEX command_batch_expires ON command_batch (expires_at);

CREATE TABLE command (
    id     TEXT PRIMARY KEY,
    batch  TEXT NOT NULL REFERENCES command_batch (id),
    device TEXT NOT NULL REFERENCES device (id)
);
CREATE INDEX command_of_batch ON command (batch);
CREATE INDEX command_of_device ON command (device, id);
