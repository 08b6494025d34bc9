-- Gives a turn its job, or leaves it the one that waits: any node may take it. Nodes of 0.1 call `add_job` themselves, with the same key.
create function start_turn(org_id text, session_id text, turn_id text) returns void language plpgsql as $$
begin
  perform graphile_worker.add_job(
    'turn',
    json_build_object('org_id', org_id, 'session_id', session_id, 'turn_id', turn_id),
    job_key => turn_id,
    job_key_mode => 'preserve_run_at'
  );
end
$$;
