-- Is there anything to do? Cheap enough for every few milliseconds: one row, and the first of a table that is
-- nearly always empty.
SELECT h.seq, h.epoch, EXISTS (SELECT FROM notifier.staging) AS staged
FROM notifier.head AS h
