-- Number committed rows into the log. No row: another daemon is numbering right now.
SELECT p.last_seq, p.last_epoch, p.numbered, p.effects_wait FROM notifier.pump($1) AS p
