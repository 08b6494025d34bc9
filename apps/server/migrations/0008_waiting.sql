-- Tools that the client runs, and turns that wait for it or for somebody's decision.
alter table agents add column tools json not null default '[]';
alter table sessions add column tools json not null default '[]';
-- What the turn waits for. Set when it parks: then it has no row in `turns` and no job. Whatever it appends next clears it.
alter table sessions add column waiting_for json;
-- Only parking and going on change this column, so that every other update stays heap-only.
create index sessions_waiting on sessions (org_id, id) where waiting_for is not null;
