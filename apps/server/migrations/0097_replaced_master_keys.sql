-- When a rotation replaced the key: since then no stored secret needs it.
alter table master_keys add column replaced_at timestamptz(3);
