import pg from 'pg'
import { median, type Options, progress, type Report, ratios, runsOf } from '../core/figures.ts'
import { type Asked, loadFor } from '../core/load.ts'
import { databaseUrl, residentMb, startOutlast, withDataDir } from '../core/servers.ts'

const connections = 16
const roundsPerRun = 2
const throughputMin = 0.9
/** Runs of one server differ by as much. */
const sameMin = 0.95

/** Limits that are counted and exchanged as in production, but not reached. */
const limits = {
  RATE_LIMIT_KEY: '1000000',
  RATE_LIMIT_USER: '1000000',
  RATE_LIMIT_ORG: '1000000',
  RATE_LIMIT_ADDRESS: '1000000',
}
const guarded = { AUTH_MODE: 'full', ...limits }

/** Cost of authentication, limits and isolation for a read, and of many keys and organizations. */
export function access(options: Options): Promise<Report> {
  return withDataDir((few) => withDataDir((many) => measure(few, many, options)))
}

const secret = { SECRETS_ENCRYPTION_KEY: `kek-v1:${Buffer.alloc(32, 1).toString('base64')}` }

async function measure(few: string, many: string, options: Options): Promise<Report> {
  const open = await startOutlast({ env: { DATA_DIR: few, ...secret } })
  const crowd = await startOutlast({ env: { DATA_DIR: many, ...secret, ...guarded } })
  await fill(databaseUrl(few), { organizations: 10, keys: 10 })
  await fill(databaseUrl(many), { organizations: 10_000, keys: 100_000 })
  const closed = await startOutlast({
    env: { DATABASE_URL: databaseUrl(few), ...secret, ...guarded },
  })
  try {
    const [asOpen, asFew] = [
      [open.url, openRequest],
      [closed.url, requests(10)],
    ] as const
    const crowded = [crowd.url, requests(100_000, 10)] as const
    const few = await compare({ open: asOpen, closed: asFew, crowd: crowded }, options)
    // Measured last: the caches of so many callers slow down all other work of a node.
    const all = await compare({ closed: asFew, all: [crowd.url, requests(100_000)] }, options)
    return report(few, all, residentMb(crowd.pid) - residentMb(closed.pid))
  } finally {
    await closed.stop()
    await crowd.stop()
    await open.stop()
  }
}

const digits = (text: string) => `md5(${text})`
const keySql = `'evr_' || ${digits(`'a' || n`)} || ${digits(`'b' || n`)}`
/** Every organization also has a session with this id, which has the same cost for the client. */
const openPath = `/v1/sessions/session_${'0'.repeat(31)}1`
const openRequest = () => ({ path: openPath })

type Crowd = { organizations: number; keys: number }

/** Creates organizations with a session each, and keys spread over them. */
async function fill(url: string, { organizations, keys }: Crowd) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const userId = '01933b5a-0000-7000-8000-0000000000ff'
  await client.query(`insert into users (id, email, name) values ($1, 'bench@example.com', 'B')`, [
    userId,
  ])
  await client.query(
    `insert into organizations (id, name)
     select 'org_' || md5('o' || n), 'Organization ' || n from generate_series(1, $1::int) n`,
    [organizations],
  )
  await client.query(
    `insert into members (org_id, user_id, role) select id, $1, 'owner' from organizations`,
    [userId],
  )
  await client.query(
    `insert into sessions (org_id, id, agent_id)
     select id, 'session_' || substr(id, 5), 'agent_' || substr(id, 5) from organizations`,
  )
  await client.query(
    `insert into api_keys (org_id, id, user_id, name, key_prefix, hash, scopes)
     select 'org_' || md5('o' || (n % $2 + 1)), md5('k' || n)::uuid, $1, 'Key ' || n, 'evr_',
       encode(sha256(convert_to(${keySql}, 'UTF8')), 'hex'), array['*']
     from generate_series(1, $3::int) n`,
    [userId, organizations, keys],
  )
  await client.query('vacuum (analyze)')
  await client.query('checkpoint')
  keyTexts.set(
    keys,
    (
      await client.query(
        `select ${keySql} as key, md5('o' || (n % $1 + 1)) as tail
      from generate_series(1, $2::int) n`,
        [organizations, keys],
      )
    ).rows,
  )
  await client.end()
}

const keyTexts = new Map<number, { key: string; tail: string }[]>()

/** Returns requests that rotate through the first `used` of `has` keys, for their sessions. */
function requests(has: number, used = has): Asked {
  let n = 0
  return () => {
    const { key, tail } = keyTexts.get(has)![n++ % used]!
    return { path: `/v1/sessions/session_${tail}`, authorization: key }
  }
}

type Case = readonly [url: string, asked: Asked]

async function compare<Name extends string>(cases: Record<Name, Case>, options: Options) {
  const forMs = options.quick ? 1_500 : 2_500
  const names = Object.keys(cases) as Name[]
  const measured = Object.fromEntries(names.map((name) => [name, []])) as never as Record<
    Name,
    number[]
  >
  for (let run = 0; run <= runsOf(options) * roundsPerRun; run++) {
    // In alternating order, so that a drift over time does not favor a server.
    for (const name of run % 2 === 0 ? names : names.toReversed()) {
      const [url, asked] = cases[name]
      // The first run warms up; it uses every key once.
      const ms = run === 0 && name === 'all' ? forMs * 12 : forMs
      const { perSecond } = await loadFor(url, asked, { connections, forMs: ms })
      if (run > 0) measured[name].push(perSecond)
    }
    const line = names.map((name) => `${name} ${measured[name].at(-1)?.toFixed(0)}`)
    if (run > 0) progress(`run ${run}: ${line.join(', ')}`)
  }
  return measured
}

const perSecond = (rates: number[]) => `${median(rates).toFixed(0)}`

type Few = Record<'open' | 'closed' | 'crowd', number[]>
type All = Record<'closed' | 'all', number[]>

function report(
  { open, closed, crowd }: Few,
  { all, closed: beside }: All,
  memoryMb: number,
): Report {
  const row = (what: string, [ours, base]: [number[], number[]], min: number, of: string) => {
    const ratio = ratios(ours, base)
    return {
      what,
      goal: `≥ ${min} of ${of}`,
      measured: `${perSecond(ours)} against ${perSecond(base)} a second`,
      ratio: ratio.shown,
      met: ratio.value >= min,
    }
  }
  return {
    title: 'GET /v1/sessions/{id} with authentication, limits and isolation',
    rows: [
      row(
        'keys, scopes, limits of key, organization and address',
        [closed, open],
        throughputMin,
        'AUTH_MODE=none',
      ),
      row(
        '100,000 keys in 10,000 organizations, 10 of them in use',
        [crowd, closed],
        sameMin,
        '10 keys',
      ),
      row(
        `each request by the next of 100,000 keys (${memoryMb.toFixed(0)} MB more)`,
        [all, beside],
        sameMin,
        '10 keys',
      ),
    ],
  }
}
