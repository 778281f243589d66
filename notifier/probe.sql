-- Is there anything to do? Cheap enough for every few milliseconds: one row, and the first of a table that is
-- nearly always empty. The time is for measuring delays by one clock.
SELECT h.seq, h.epoch, EXISTS (SELECT FROM notifier.staging) AS staged, clock_timestamp()
FROM notifier.head AS h
