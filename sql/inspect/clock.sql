-- The time, asked for several times: the quickest answer counts.
SELECT clock_timestamp()
