-- For a replay's questions only: one plan for any clients, along the index by account and number. The planner cannot
-- know how much lies between two places; by its guess it would read a long backlog as a whole, sort it and
-- take the first page.
SELECT set_config('plan_cache_mode', 'force_generic_plan', true),
       set_config('enable_bitmapscan', 'off', true),
       set_config('enable_seqscan', 'off', true),
       set_config('jit', 'off', true)
