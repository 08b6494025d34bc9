-- Tokens of end users of the product: such a token opens the sessions of one user, of all or of some agents. It has no
-- session of its own. The operations are those that the token may use; null: all that tokens have by default.
alter table session_tokens
  alter column session_id drop not null,
  add column end_user text,
  add column agent_ids text[],
  add column operations text[],
  add constraint session_or_end_user check ((session_id is null) <> (end_user is null));
