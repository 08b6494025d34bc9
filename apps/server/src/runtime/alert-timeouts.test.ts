import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryRows, runSql } from '../../test/database.ts'
import { startServer } from '../../test/server.ts'
import { eventually } from '../../test/waiting.ts'

test('an organization whose alerts time out does not delay those of others', async (t) => {
  const { databaseUrl } = await startServer(t, { alertIntervalMs: 500 })
  // A sequence keeps the counts of statements that failed.
  await runSql(
    databaseUrl,
    `create sequence timeouts;
    create table evaluated (timeouts bigint);
    create function answer() returns trigger language plpgsql as $$
    begin
      if new.org_id = 'org_slow' then
        perform nextval('timeouts');
        raise sqlstate '57014';
      end if;
      insert into evaluated select last_value from timeouts;
      return null;
    end $$;
    create trigger answers after update of evaluated_at on alerts for each row execute function answer();
    insert into alerts (id, org_id, name, metric, threshold, window_seconds, enabled, due_at)
    select 'alert_' || n, case when n = 9 then 'org_other' else 'org_slow' end, '', 'failed_turns', 1, 60, true, now() - interval '1 hour' + n * interval '1 s'
    from generate_series(1, 9) n`,
  )
  const rows = await eventually(async () => {
    const found = await queryRows<{ timeouts: string }>(databaseUrl, 'select * from evaluated')
    return found.length > 0 ? found : undefined
  })
  // That of all alerts, and that of the organization.
  assert.ok(Number(rows[0]!.timeouts) <= 2, `${rows[0]!.timeouts} statements timed out before`)
})
