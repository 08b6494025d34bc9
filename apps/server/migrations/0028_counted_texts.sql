-- Nodes of 0.1 store texts without counting them: the deletion of these takes no bytes off the counters.
alter table texts add column is_counted boolean not null default true;
alter table texts alter column is_counted set default false;
