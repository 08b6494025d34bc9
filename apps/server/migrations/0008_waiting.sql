-- Tools that the client runs, and turns that wait for it or for somebody's decision.
alter table agents add column tools json not null default '[]';
alter table sessions add column tools json not null default '[]';
-- What the turn waits for. Set when it parks: then it has no row in `turns` and no job. Whatever it appends next clears it.
alter table sessions add column waiting_for json;
-- When the first of it ends by itself. Whoever renews a lease looks for those whose time is over.
alter table sessions add column wait_expires_at timestamptz(3);
-- Only parking and going on change these columns, so that every other update stays heap-only.
create index sessions_waiting on sessions (org_id, id) where waiting_for is not null;
create index sessions_wait_expires on sessions (wait_expires_at) where wait_expires_at is not null;
