-- Agents that files of the project define: `source` is `file`, and a start of a node changes them. The default is `api`, also for nodes of earlier versions.
alter table agents add column source text not null default 'api';
alter table agents add column source_file text;
