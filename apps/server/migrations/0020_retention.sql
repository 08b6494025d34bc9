-- Days that idle sessions, failed turns and, for an organization, audit entries are kept. Null inherits, 0 keeps them forever.
alter table organizations add column retention_days integer;
alter table agents add column retention_days integer;

-- A held session is not deleted, neither on request nor by retention.
alter table sessions add column legal_hold boolean not null default false;

-- Sessions that a stored answer names: it is deleted with each of them.
alter table idempotency_keys add column session_ids text[] not null default '{}';

-- The audit log stays append-only. One function deletes from it: it names the time before which entries have expired, and
-- the trigger refuses every entry that is newer, or younger than one day.
create function refuse_early_deletion() returns trigger language plpgsql as $$
begin
  if old.created_at < least(
    nullif(current_setting('outlast.audit_expired_before', true), '')::timestamptz,
    now() - interval '1 day'
  ) and nullif(current_setting('outlast.audit_expired_before', true), '') is not null then
    return old;
  end if;
  raise exception 'audit_log is append-only';
end
$$;

create function delete_expired_audit_entries(organization text, expired_before timestamptz, at_most integer)
returns integer language plpgsql as $$
declare
  deleted integer;
begin
  perform set_config('outlast.audit_expired_before', expired_before::text, true);
  with expired as (
    select org_id, id from audit_log
    where org_id = organization and created_at < least(expired_before, now() - interval '1 day')
    order by created_at limit at_most for update skip locked
  )
  delete from audit_log a using expired e where a.org_id = e.org_id and a.id = e.id;
  get diagnostics deleted = row_count;
  perform set_config('outlast.audit_expired_before', '', true);
  return deleted;
end
$$;

drop trigger audit_log_append_only on audit_log;
create trigger audit_log_append_only before update or truncate on audit_log
  for each statement execute function refuse_change();
create trigger audit_log_retention before delete on audit_log
  for each row execute function refuse_early_deletion();

-- Nodes of an earlier version do not know of holds.
create function refuse_held_session() returns trigger language plpgsql as $$
begin
  raise exception 'session % is under a legal hold', old.id;
end
$$;
create trigger sessions_legal_hold before delete on sessions
  for each row when (old.legal_hold) execute function refuse_held_session();
