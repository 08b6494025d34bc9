-- A client's own name for a session, the end user whom it belongs to, and the channel that it came through. No turn changes them.
alter table sessions add column key text, add column user_id text, add column channel_id text;
-- How the latest turn ended. Every turn changes it, so no index may contain it.
alter table sessions add column last_turn json;
update sessions s set last_turn = json_build_object('id', f.id, 'status', 'failed', 'error', f.error, 'error_code', f.error_code)
from failed_turns f where s.org_id = f.org_id and s.id = f.session_id and s.sequence = f.sequence;
-- The session that continues this one after a retake.
alter table sessions add column superseded_by text;
