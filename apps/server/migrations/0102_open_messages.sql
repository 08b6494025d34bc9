-- True if the messages from a sequence on are longer than a limit. Lengths are read only if the stored sizes do not decide it: compression saves a factor of 90 at most. A function, because with a subquery PostgreSQL planned the statement that stores a message for each message. Volatile, so that it counts messages that were stored while the statement waited for the session.
create function open_messages_exceed(_session_id text, _from integer, _bytes bigint) returns boolean language plpgsql as $$
declare
  message record;
  total bigint;
begin
  select coalesce(sum(
    pg_column_size(data)::bigint * case when pg_column_compression(data) is null then 1 else 90 end
  ), 0) into total from events
  where session_id = _session_id and sequence >= _from and type = 'input.message';
  if total <= _bytes then return false; end if;
  total := 0;
  for message in
    select data from events
    where session_id = _session_id and sequence >= _from and type = 'input.message'
  loop
    total := total + octet_length(message.data::text);
    if total > _bytes then return true; end if;
  end loop;
  return false;
end
$$;
