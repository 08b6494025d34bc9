-- When the deletion of an organization was requested. Its name goes at once; a sweep deletes all its rows in batches, and
-- this one last. A deletion is never taken back.
alter table organizations add column deleted_at timestamptz(3);
alter table organizations add constraint default_organization_stays
  check (deleted_at is null or id <> 'org_00000000000000000000000000000001');

create function refuse_undeletion() returns trigger language plpgsql as $$
begin
  raise exception 'organization % is being deleted', old.id;
end
$$;
create trigger organizations_undeletion before update on organizations
  for each row when (old.deleted_at is not null and new.deleted_at is null) execute function refuse_undeletion();

-- The audit log of an organization is deleted with it. Of others, expired entries only, as before.
create or replace function refuse_early_deletion() returns trigger language plpgsql as $$
begin
  if old.created_at < least(
    nullif(current_setting('outlast.audit_expired_before', true), '')::timestamptz,
    now() - interval '1 day'
  ) and nullif(current_setting('outlast.audit_expired_before', true), '') is not null then
    return old;
  end if;
  if exists (select from organizations where id = old.org_id and deleted_at is not null) then
    return old;
  end if;
  raise exception 'audit_log is append-only';
end
$$;
