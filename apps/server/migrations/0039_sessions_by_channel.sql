-- concurrently
create index concurrently if not exists sessions_by_channel on sessions (channel_id, channel_key_id, coalesce(user_id, '')) where channel_id is not null;
