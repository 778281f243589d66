-- Does this session still hear the bells?
SELECT pg_is_in_recovery(), (SELECT count(*) FROM pg_listening_channels() AS c WHERE c IN ($1, $2))
