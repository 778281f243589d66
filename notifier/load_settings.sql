-- For the load only: plan once for any batch (planning the view costs more than running it); do not wait for
-- a clinic's table lock or a slow view, since an event must not wait for them; and read times as UTC.
SELECT set_config('plan_cache_mode', 'force_generic_plan', true),
       set_config('lock_timeout', '50ms', true),
       set_config('statement_timeout', '2s', true),
       set_config('TimeZone', 'UTC', true)
