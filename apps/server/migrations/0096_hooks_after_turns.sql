-- Jobs of event hooks come after those of turns (0) and webhooks (10). A hook that no node has gets none: each fetch would read them for up to a week. Nodes renew `seen_at` every 10 minutes, and enqueue due positions without a job.
create or replace function enqueue_hook() returns trigger language plpgsql as $$
begin
  if not exists (select from event_hooks where name = new.hook and seen_at > now() - interval '30 minutes') then
    return null;
  end if;
  perform graphile_worker.add_job(
    'hook:' || new.hook,
    json_build_object('session_id', new.session_id),
    run_at => new.due_at,
    job_key => 'hook:' || new.hook || ':' || new.session_id,
    priority => 20
  );
  return null;
end
$$;

-- A new database has no queue yet.
do $$
begin
  if to_regclass('graphile_worker.jobs') is not null then
    perform graphile_worker.reschedule_jobs(array(
      select id from graphile_worker.jobs where task_identifier like 'hook:%'
    ), priority => 20);
  end if;
end
$$;
