-- The kinds of ratings that are in force in the log of the session: `up`, `down` or both. Null: none. Turns never change it.
alter table sessions add column feedback text[];
