-- What a client gives a session beside its agent, and which sessions a user keeps at hand.
alter table sessions
  add column system_prompt text,
  add column locale text,
  add column hints json;

create table session_pins (
  org_id text not null,
  session_id text not null,
  user_id text not null,
  created_at timestamptz(3) not null default now(),
  primary key (org_id, session_id, user_id),
  foreign key (org_id, session_id) references sessions (org_id, id) on delete cascade
);
create index session_pins_of_user on session_pins (org_id, user_id);
