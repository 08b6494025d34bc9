-- True if a wait of a turn has a part that only a person can end.
create function waits_for_person(waiting json) returns boolean language sql immutable parallel safe as $$
  select waiting is not null and (waiting->>'type' <> 'tool_results'
    or exists (select from json_array_elements(waiting->'calls') c where c->>'type' <> 'tool_results'))
$$;

-- Decisions that hold for every call of a tool in all sessions of the agent, in the form of `sessions.tool_rules`.
alter table agents add column tool_rules jsonb;

-- When `tools_error` was set.
alter table mcp_servers add column tools_failed_at timestamptz(3);
