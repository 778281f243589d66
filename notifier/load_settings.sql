-- For the load only: plan once for any batch (planning the view costs more than running it); do not wait for
-- a clinic's table lock or a slow view, since an event must not wait for them; and read times as UTC. The last two are
-- the session's own, unless a pooler is in between.
SELECT set_config('plan_cache_mode', 'force_generic_plan', true),
       set_config('lock_timeout', '50ms', true),
       set_config('statement_timeout', '1500ms', true),
       set_config('TimeZone', 'UTC', true),
       set_config('enable_seqscan', 'off', true),
       set_config('jit', 'off', true)
