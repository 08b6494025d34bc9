-- The files of sessions. What is in a file is stored once in an organization, under its SHA-256.

create table blobs (
  org_id text not null,
  hash text not null,
  bytes bytea not null,
  created_at timestamptz(3) not null default now(),
  primary key (org_id, hash)
);

create table files (
  org_id text not null,
  session_id text not null,
  path text collate "C" not null,
  -- Where it stands: `/`, or the path of a directory.
  directory text collate "C" not null,
  id uuid not null,
  is_directory boolean not null,
  is_readonly boolean not null,
  -- Null for a directory, and for a file that was made without content.
  hash text,
  size_bytes integer not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  primary key (session_id, path),
  foreign key (org_id, session_id) references sessions (org_id, id) on delete cascade,
  foreign key (org_id, hash) references blobs (org_id, hash)
);
create index files_by_directory on files (session_id, directory, (not is_directory), path);
create index files_by_blob on files (org_id, hash) where hash is not null;

alter table sessions
  add column file_bytes bigint not null default 0,
  add column file_count integer not null default 0;
