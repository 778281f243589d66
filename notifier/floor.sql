-- For each account, the number of the first event that a client may miss no more, so that what it missed stays within a
-- limit: its last events but $4, counted back from a place and not beyond another. 0: there are not that many.
SELECT coalesce((
    SELECT e.seq
    FROM notifier.event AS e
    WHERE e.account_hash = hashtextextended(s.account COLLATE "C", 0) AND e.account_id::text COLLATE "C" = s.account
      AND e.seq > s.after AND e.seq <= s.up_to
    ORDER BY e.seq DESC
    OFFSET $4 LIMIT 1
), 0)
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS s (account, after, up_to, n)
ORDER BY s.n
