-- Models that vendors list. A node that asks a vendor on its own says so first, so that no other does.
alter table providers add column sync_tried_at timestamptz(3);
alter table models add column last_seen_at timestamptz(3);
alter table models add column is_stale boolean not null default false;
