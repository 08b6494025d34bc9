-- Why the caller made a change, in its own words.
alter table audit_log add column reason text;
