-- Images that messages refer to. Their bytes are in blobs, once for each SHA-256 in an organization.

create table images (
  org_id text not null,
  id text not null,
  -- The session that the upload named, if any. The image outlives it.
  session_id text,
  filename text not null,
  content_type text not null,
  width integer not null,
  height integer not null,
  hash text not null,
  size_bytes integer not null,
  created_at timestamptz(3) not null default clock_timestamp(),
  primary key (org_id, id),
  foreign key (org_id, hash) references blobs (org_id, hash)
);
create index images_by_blob on images (org_id, hash);
