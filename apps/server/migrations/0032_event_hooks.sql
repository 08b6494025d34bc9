-- The event hooks of the code that nodes run. A hook that no node has had for a week is deleted.
create table event_hooks (
  name text primary key,
  registered_at timestamptz(3) not null default clock_timestamp(),
  seen_at timestamptz(3) not null default clock_timestamp()
);

-- Up to where a hook has been called with the events of a session. The row is the truth; a job only tells a node to look at it.
create table hook_positions (
  org_id text not null,
  session_id text not null,
  hook text not null,
  -- The last event that the hook has processed, and the last one stored.
  sequence integer not null,
  head integer not null,
  -- When the job is due; null while all events are processed.
  due_at timestamptz,
  behind_since timestamptz(3),
  -- The node that calls the hook. Only the latest claim may move the position.
  node_id text,
  claim integer not null default 0,
  -- Failed calls and dead nodes since the position last moved.
  failures integer not null default 0,
  primary key (session_id, hook),
  foreign key (org_id, session_id) references sessions (org_id, id) on delete cascade
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000);
create index hook_positions_due on hook_positions (hook, due_at) where due_at is not null;

-- A trigger, so that no append can omit it: all appends move the sequence of their session.
create function follow_session() returns trigger language plpgsql as $$
begin
  insert into hook_positions as p (org_id, session_id, hook, sequence, head, due_at, behind_since)
  select new.org_id, new.id, h.name, coalesce(old.sequence, 0), new.sequence, clock_timestamp(), clock_timestamp()
  from event_hooks h where h.seen_at > now() - interval '7 days'
  on conflict (session_id, hook) do update set
    head = excluded.head,
    due_at = coalesce(p.due_at, excluded.due_at),
    behind_since = coalesce(p.behind_since, excluded.behind_since);
  return null;
end
$$;
create trigger session_created after insert on sessions
  for each row when (new.sequence > 0) execute function follow_session();
create trigger session_continued after update of sequence on sessions
  for each row when (new.sequence > old.sequence) execute function follow_session();

-- The first hook enables the triggers: without hooks an append costs nothing more.
alter table sessions disable trigger session_created, disable trigger session_continued;
create function register_event_hooks(names text[]) returns void language plpgsql as $$
begin
  if exists (
    select from pg_trigger where tgrelid = 'sessions'::regclass and tgname in ('session_created', 'session_continued') and tgenabled = 'D'
  ) then
    -- Statements that wait for the table block later ones, so the wait is short and the caller retries.
    perform set_config('lock_timeout', '200ms', true);
    alter table sessions enable trigger session_created, enable trigger session_continued;
  end if;
  insert into event_hooks (name) select unnest(names)
  on conflict (name) do update set seen_at = clock_timestamp();
end
$$;

-- Each time that a position becomes due has its job, which replaces an earlier one.
create function enqueue_hook() returns trigger language plpgsql as $$
begin
  perform graphile_worker.add_job(
    'hook:' || new.hook,
    json_build_object('session_id', new.session_id),
    run_at => new.due_at,
    job_key => 'hook:' || new.hook || ':' || new.session_id
  );
  return null;
end
$$;
create trigger hook_due after insert on hook_positions
  for each row when (new.due_at is not null) execute function enqueue_hook();
create trigger hook_due_again after update of due_at on hook_positions
  for each row when (new.due_at is not null and new.due_at is distinct from old.due_at) execute function enqueue_hook();

create function dequeue_hook() returns trigger language plpgsql as $$
begin
  perform graphile_worker.remove_job('hook:' || old.hook || ':' || old.session_id);
  return null;
end
$$;
create trigger hook_position_deleted after delete on hook_positions
  for each row when (old.due_at is not null) execute function dequeue_hook();
