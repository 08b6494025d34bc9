-- Since when nodes have looked for due schedules without a break, and when one last did. At most one row. A time that came
-- before a break was missed; one that came after it only waits for its batch, however long that takes.
create table schedule_looks (
  singleton boolean primary key default true check (singleton),
  since timestamptz(3) not null,
  latest timestamptz(3) not null
);
