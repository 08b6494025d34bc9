-- The estimated bytes of the messages of a running turn and of those behind it: a compressed value counts 32 times its stored size. A function, because with a subquery PostgreSQL planned the statement that stores a message for each message.
create function open_message_bytes(_session_id text, _turn_from integer) returns bigint language plpgsql stable as $$
begin
  return (
    select coalesce(sum(
      pg_column_size(data) * case when pg_column_compression(data) is null then 1 else 32 end
    ), 0) from events
    where session_id = _session_id and sequence >= _turn_from and type = 'input.message'
  );
end
$$;
