-- The name of a share: a token that anyone with a link uses to read the session. It does not end with the sign-in of its creator. Null: another token.
alter table session_tokens add column share_name text;
