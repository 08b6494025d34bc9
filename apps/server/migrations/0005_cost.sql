-- What the calls whose price is known cost, in billionths of a US dollar; null until there is one.
alter table sessions add column cost_nanos bigint;
alter table counters add column cost_nanos bigint;
