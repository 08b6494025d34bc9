-- What a session is a copy of: its source and the last event that was copied. The source may be gone.
alter table sessions add column forked_from json;
