/** The setup of screenshots: nodes with a temporary database, and a scripted vendor. */
import pg from 'pg'
import { createLog } from '../../apps/server/src/log.ts'
import { countTime, noTimes } from '../../apps/server/src/observe/times.ts'
import { startEmbedded } from '../../apps/server/src/store/embedded/embedded.ts'
import { startOutlast, withDataDir } from '../../bench/core/servers.ts'
import { conversations } from './conversations.ts'
import { startVendor } from './vendor.ts'
import { makeWorld, type World } from './world.ts'

const nodes = 3

/** Runs `work` with the URL of a node and its prepared data. */
export function withPlace<T>(work: (url: string, world: World) => Promise<T>): Promise<T> {
  return withDataDir(async (dataDir) => {
    await using stack = new AsyncDisposableStack()
    const embedded = await startEmbedded({
      ...{ dataDir, log: createLog('warn') },
      onFatal(error) {
        throw error
      },
    })
    stack.defer(embedded.stop)
    const vendor = await startVendor(conversations.flatMap(({ exchanges }) => exchanges))
    // Not awaited: it would first finish a reply that takes minutes.
    stack.defer(() => void vendor.stop())
    const env = {
      DATABASE_URL: embedded.url,
      // One turn is still running.
      SHUTDOWN_GRACE_MS: '500',
      SECRETS_ENCRYPTION_KEY: `kek-v1:${Buffer.alloc(32, 1).toString('base64')}`,
    }
    const urls: string[] = []
    for (let at = 0; at < nodes; at++) {
      const node = await startOutlast({ env })
      stack.defer(node.stop)
      urls.push(node.url)
    }
    const world = await makeWorld(urls[0]!, vendor.url)
    await moveBack(embedded.url, world)
    return await work(urls[0]!, world)
  })
}

/** Backdates sessions and turn statistics, and adds usage of earlier days. */
async function moveBack(url: string, { sessions }: World) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const { title, minutesAgo } of conversations) {
      await client.query(
        `update sessions set created_at = now() - $2 * interval '1 minute' where id = $1`,
        [sessions.get(title)!.id, minutesAgo],
      )
    }
    await countHour(client)
    await countDays(client)
  } finally {
    await client.end()
  }
}

/** Inserts turn statistics of the last hour, as if another node had counted them. */
async function countHour(client: pg.Client) {
  for (let minutesAgo = 59; minutesAgo > 0; minutesAgo--) {
    const completed = Math.round(
      34 + 14 * Math.sin(minutesAgo / 9) + 6 * Math.sin(minutesAgo * 1.7),
    )
    const turns = noTimes()
    const firstTokens = noTimes()
    for (let at = 0; at < completed; at++) {
      const spread = ((at * 7 + minutesAgo * 3) % 13) / 13
      countTime(turns, 1_400 + 700 * Math.sin(minutesAgo / 6) + 9_000 * spread ** 3)
      countTime(firstTokens, 320 + 900 * spread ** 2)
    }
    await client.query(
      `insert into turn_minutes (at, node_id, completed, failed, cancelled, turn_times, first_token_times)
       values (date_trunc('minute', now()) - $1 * interval '1 minute', 'before', $2, $3, $4, $5, $6)`,
      [
        ...[minutesAgo, completed, minutesAgo % 19 === 0 ? 2 : 0, minutesAgo % 13 === 0 ? 1 : 0],
        ...[turns, firstTokens],
      ],
    )
  }
}

/** Inserts usage of the last two months, as multiples of what the sessions used today. */
async function countDays(client: pg.Client) {
  const names = ['calls', 'input_tokens', 'output_tokens', 'cache_read_tokens', 'cost_nanos']
  // Less on weekends, and more from week to week.
  const times = `(greatest(0, (case when extract(isodow from day - n) > 5 then 4 else 11 end)
    * (1 - n / 90.0) + 3 * sin(n * 1.3 + length(agent_id || model) + cost_nanos % 7)))`
  await client.query(
    `insert into usage_days (org_id, day, agent_id, model, user_id, key_id, shard, ${names.join(', ')})
     select org_id, day - n, agent_id, model, user_id, key_id, shard,
       ${names.map((name) => `(${name} * ${times})::bigint`).join(', ')}
     from usage_days, generate_series(1, 59) n`,
  )
}
