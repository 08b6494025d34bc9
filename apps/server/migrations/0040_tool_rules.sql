-- Decisions that hold for every call of a tool in the session, by tool: `decision`, `decided_by`, `created_at`.
alter table sessions add column tool_rules jsonb;
