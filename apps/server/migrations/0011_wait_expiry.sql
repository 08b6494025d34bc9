-- When the first thing that a parked turn waits for ends by itself. Whoever renews a lease looks for those whose time is over.
alter table sessions add column wait_expires_at timestamptz(3);
-- Only parking and going on change this column, so that every other update stays heap-only.
create index sessions_wait_expires on sessions (wait_expires_at) where wait_expires_at is not null;
update sessions set wait_expires_at = (
  select min((call->>'expires_at')::timestamptz) from json_array_elements(waiting_for->'calls') as calls(call)
) where waiting_for is not null;
