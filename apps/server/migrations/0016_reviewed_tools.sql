-- A hash of each tool that a server lists, and those that somebody reviewed: the first list, until a later one is confirmed.
alter table mcp_servers
  add column tool_hashes json,
  add column reviewed_hashes json,
  add column tools_reviewed_at timestamptz(3);
