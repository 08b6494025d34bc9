-- concurrently
create index concurrently if not exists budgets_by_subject on budgets (org_id, (subject_type || ' ' || subject_id));
