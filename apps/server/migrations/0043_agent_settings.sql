-- Settings of agents for published clients. Sessions narrow the limits; the files are copied into new sessions.
alter table agents
  add column display_name text,
  add column initial_files json,
  add column max_iterations integer,
  add column parallel_tool_calls boolean,
  add column network_access json;
alter table sessions
  add column max_iterations integer,
  add column parallel_tool_calls boolean,
  add column network_access json;
