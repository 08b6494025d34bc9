-- The period that contains a time. A `duration` or `rolling` one begins at that time; without a period it never ends. Of two equal local times PostgreSQL means the second one: a period that is looked for between them begins at that time, never after it.
create or replace function budget_period(period json, moment timestamptz, out started_at timestamptz, out ends_at timestamptz) language plpgsql stable as $$
declare
  tz text := coalesce(period->>'time_zone', 'UTC');
  unit text := period->>'unit';
  first timestamp;
begin
  started_at := moment;
  if period->>'type' = 'calendar' then
    first := date_trunc(unit, moment at time zone tz);
    started_at := least(first at time zone tz, moment);
    ends_at := (first + ('1 ' || unit)::interval) at time zone tz;
    -- An hour that a change of the clocks repeats.
    if ends_at <= moment then ends_at := moment + interval '1 hour'; end if;
  elsif period->>'type' = 'duration' then
    ends_at := moment + (period->>'seconds')::float8 * interval '1 second';
  elsif period->>'type' = 'rolling' then
    ends_at := moment + (period->>'window')::interval;
  end if;
end
$$;
