-- A queued turn that nodes refused because they lack capabilities: the time of the first refusal, and those capabilities.
alter table turns add column refused_at timestamptz(3);
alter table turns add column missing_capabilities text[];

-- Nodes with the same code have the same hash. Null for nodes of 0.1.
alter table nodes add column catalog_hash text;

-- Like `start_turn` with three arguments, for a turn that nodes without these capabilities do not fetch.
create function start_turn(org_id text, session_id text, turn_id text, missing text[]) returns void language plpgsql as $$
begin
  perform graphile_worker.add_job(
    'turn',
    json_build_object('org_id', org_id, 'session_id', session_id, 'turn_id', turn_id),
    job_key => turn_id,
    job_key_mode => 'preserve_run_at',
    flags => missing
  );
end
$$;
