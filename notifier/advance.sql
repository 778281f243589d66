-- Number committed rows into the log, and read on with them. No row: another daemon is numbering right now.
SELECT a.last_seq, a.last_epoch, a.numbered, a.effects_wait, a.silent_writers,
       a.seq, a.epoch, a.kind, a.account, a.account_json, a.appointment, a.appointment_json, a.doctor, a.doctor_json,
       a.status, a.event, a.changed_at
FROM notifier.advance($1, $2, $3, $4) AS a
