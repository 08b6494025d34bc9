-- What each session token was granted. The token is signed and stored nowhere; without its row it is refused. Foreign
-- keys end a token with whatever made it: a key, or a sign-in of a member.
create table session_tokens (
  org_id text not null references organizations (id) on delete cascade,
  id text not null,
  session_id text not null,
  -- Who made it. Null without authentication; a token of nobody is refused once there is some.
  user_id uuid,
  key_id uuid,
  login_id uuid references logins (id) on delete cascade,
  access text not null,
  models text[] not null,
  tool_results text[] not null,
  view text not null,
  files text not null,
  expires_at timestamptz(3) not null,
  created_at timestamptz(3) not null default now(),
  primary key (org_id, id),
  foreign key (org_id, session_id) references sessions (org_id, id) on delete cascade,
  foreign key (org_id, user_id) references members (org_id, user_id) on delete cascade,
  foreign key (org_id, key_id) references api_keys (org_id, id) on delete cascade
);
create index session_tokens_newest on session_tokens (org_id, session_id, created_at desc, id desc);
create index session_tokens_by_member on session_tokens (user_id, org_id);
create index session_tokens_by_key on session_tokens (org_id, key_id);
create index session_tokens_by_login on session_tokens (login_id);
create index session_tokens_age on session_tokens (expires_at);
