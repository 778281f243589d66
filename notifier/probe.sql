-- Is there anything to do? Cheap enough for every few milliseconds: one index probe, one row.
SELECT h.seq, h.epoch, EXISTS (SELECT FROM notifier.staging) AS staged
FROM notifier.head AS h
