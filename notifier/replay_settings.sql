-- For replays only: plan for the parameters at hand. A plan for any range of numbers takes every range for a short
-- one, and would read the whole log for a client that was away since yesterday.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true)
