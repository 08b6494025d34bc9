-- When an event last named the text, within a day. A text that no session can name any more is deleted.
alter table texts add column used_at timestamptz(3) not null default now();
