-- Words have the creation of their session, so that the newest of many matches are found without reading their sessions. Nodes read all words again.
truncate search_words, search_sessions;
alter table search_words add column created_at timestamptz(3) not null;
insert into search_backfill select '', '' where exists (select from sessions);

drop function search_matches;

-- At most `most` parts that match. An index scan that tests every row, or a scan of the table, would read all words.
create function search_parts(org text, query tsquery, most integer)
  returns table (session_id text, part integer, created_at timestamptz)
  language sql stable rows 1000 set enable_seqscan = off set enable_indexscan = off
as $$
  select w.session_id, w.part, w.created_at from search_words w where w.org_id = org and w.words @@ query limit most
$$;
