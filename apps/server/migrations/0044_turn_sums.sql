-- Ended turns and their time, summed per agent. Turns that ended before are not counted.
alter table counters
  add column executions bigint not null default 0,
  add column execution_ms bigint not null default 0;
