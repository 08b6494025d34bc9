-- Sessions whose words, activity or cost changed since nodes read them for the search. A node deletes the row once it has.
create table search_due (
  session_id text primary key,
  org_id text not null,
  due_at timestamptz not null,
  -- A row that changes while a node reads the session stays.
  changes integer not null default 1
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000);
create index search_due_by_time on search_due (due_at);

-- What nodes have read of each session. Activity and cost are those of that moment, so that they can be in an index.
create table search_sessions (
  org_id text not null,
  session_id text primary key,
  -- The last event that was read.
  sequence integer not null default 0,
  -- The last part of the texts, and its number of words.
  part integer not null default 1,
  part_words integer not null default 0,
  active_at timestamptz(3) not null,
  cost_nanos bigint not null default 0,
  foreign key (org_id, session_id) references sessions (org_id, id) on delete cascade
) with (fillfactor = 80);
create index search_sessions_by_activity on search_sessions (org_id, active_at desc, session_id desc);
create index search_sessions_by_cost on search_sessions (org_id, cost_nanos desc, session_id desc);

-- Words of sessions, each behind a mark of its organization. Part 0 is the title; the others are messages and replies in their order.
create table search_words (
  org_id text not null,
  session_id text not null,
  part integer not null,
  -- The events of the first and the last text.
  from_sequence integer not null,
  to_sequence integer not null,
  words tsvector not null,
  primary key (session_id, part),
  foreign key (org_id, session_id) references sessions (org_id, id) on delete cascade
  -- Words are stored apart from the rows, so that finding many sessions reads few pages.
) with (fillfactor = 90, toast_tuple_target = 128);
create index search_words_by_word on search_words using gin (words);

-- A trigger, so that no statement can omit it.
create function mark_search_due() returns trigger language plpgsql as $$
begin
  insert into search_due as d (session_id, org_id, due_at)
  values (new.id, new.org_id, clock_timestamp() + interval '1 second')
  on conflict (session_id) do update set changes = d.changes + 1;
  return null;
end
$$;
create trigger search_of_new_session after insert on sessions
  for each row execute function mark_search_due();
-- Once a turn: the end, not the start.
create trigger search_of_session after update on sessions
  for each row when (
    (old.turn_id is not null and new.turn_id is distinct from old.turn_id)
    or (new.waiting_for is not null and old.waiting_for is null)
    or new.title is distinct from old.title
  ) execute function mark_search_due();

-- Up to where older sessions have been marked as due. The row is deleted after the last one.
create table search_backfill (
  after_org text not null,
  after_session text not null
);
insert into search_backfill select '', '' where exists (select from sessions);

-- Sessions with a part that matches, from at most `most` parts. An index scan that tests every row, or a scan of the table, would read all words.
create function search_matches(org text, query tsquery, most integer)
  returns table (session_id text, is_capped boolean)
  language sql stable rows 1000 set enable_seqscan = off set enable_indexscan = off
as $$
  with w as materialized (
    select w.session_id from search_words w where w.org_id = org and w.words @@ query limit most
  )
  select distinct w.session_id, (select count(*) from w) >= most from w
$$;
