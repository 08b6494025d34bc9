-- The database takes the bytes of deleted answers off the counters, whatever deletes them: nodes of 0.1 do not count.
create function uncount_answers() returns trigger language plpgsql as $$
begin
  insert into counters as c (org_id, agent_id, shard, stored_bytes)
  select org_id, 'answers', floor(random() * 16), -sum(counted_bytes) from deleted
  group by org_id having sum(counted_bytes) > 0 order by org_id
  on conflict (org_id, agent_id, shard) do update set stored_bytes = c.stored_bytes + excluded.stored_bytes;
  return null;
end
$$;
create trigger idempotency_keys_uncount after delete on idempotency_keys
  referencing old table as deleted for each statement execute function uncount_answers();
