-- What counters have of a stored answer, so that its deletion takes away as much.
alter table idempotency_keys add column counted_bytes integer not null default 0;

-- Texts that were stored before they counted.
insert into counters as c (org_id, agent_id, shard, stored_bytes)
select org_id, 'texts', 0, sum(octet_length(body)) from texts group by org_id
on conflict (org_id, agent_id, shard) do update set stored_bytes = c.stored_bytes + excluded.stored_bytes;
