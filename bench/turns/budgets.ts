import { assistant, createAgent, openClient, twoTools } from '../core/client.ts'
import { measureCrowd, type Result, shown, type Talker } from '../core/crowd.ts'
import { queryRows } from '../core/database.ts'
import {
  median,
  ms,
  type Options,
  progress,
  type Report,
  type Row,
  ratios,
} from '../core/figures.ts'
import {
  busyMs,
  databaseBusyMs,
  databaseUrl,
  type Server,
  startOutlast,
  withDataDir,
} from '../core/servers.ts'

const organization = 'org_00000000000000000000000000000001'
const id = 'bdgt_01933b5a000070008000000000000001'
/** Enough for all turns of a run: what is measured is the reservation, not a wait for money. */
const limit = 1e15

type Turns = { what: string; clients: number; goal?: number; open: () => Promise<Talker> }

/** Turns with a budget of the organization, against the same server without one. */
export function budgets(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const server = await startOutlast({ env: { DATA_DIR: dataDir } })
    try {
      return await compare(server, dataDir, options)
    } finally {
      await server.stop()
    }
  })
}

/** `busyMs`: processor time of the server and PostgreSQL for a turn. */
type Measured = Result & { busyMs: number }

async function compare({ url, pid }: Server, dataDir: string, { quick }: Options): Promise<Report> {
  const database = databaseUrl(dataDir)
  const agentId = await createAgent(url)
  const forMs = quick ? 1_500 : 3_000
  const runs = quick ? 2 : 12
  const text = () => openClient(url, agentId)
  const tools = async () => {
    const client = await openClient(url, assistant)
    return { ...client, turn: () => client.turn(twoTools) }
  }
  const measure = async ({ clients, open }: Turns, hasBudget: boolean): Promise<Measured> => {
    await queryRows(
      database,
      hasBudget ? add : remove,
      hasBudget ? [organization, id, limit] : [id],
    )
    const before = busyMs(pid) + databaseBusyMs(dataDir)
    const result = await measureCrowd(open, { clients, forMs })
    const busy = busyMs(pid) + databaseBusyMs(dataDir) - before
    return { ...result, busyMs: busy / (result.perSecond * (forMs / 1000)) }
  }
  const rows: Row[] = []
  for (const turns of [
    { what: 'text turns', clients: 8, goal: 0.97, open: text },
    { what: 'text turns', clients: 64, goal: 0.9, open: text },
    { what: 'turns with two tools', clients: 64, open: tools },
  ]) {
    await measure(turns, true)
    const results: Pair[] = []
    for (let run = 1; run <= runs; run++) {
      // Other load on the machine affects both: their order alternates.
      const first = await measure(turns, run % 2 === 0)
      const second = await measure(turns, run % 2 === 1)
      const pair = run % 2 === 0 ? { without: second, one: first } : { without: first, one: second }
      results.push(pair)
      const { what, clients } = turns
      progress(
        `${what}, ${clients} clients, run ${run}: ${shown(pair.one)}; without ${shown(pair.without)}`,
      )
    }
    rows.push(rowOf(turns, results), busyRow(turns, results))
  }
  return { title: 'Turns with a budget of the organization against none', rows }
}

type Pair = { without: Measured; one: Measured }

const add = `
insert into budgets (org_id, id, subject_type, subject_id, currency, limit_amount)
values ($1, $2, 'organization', $1, 'tokens', $3) on conflict do nothing`
const remove = 'delete from budgets where id = $1'

function rowOf({ what, clients, goal }: Turns, results: Pair[]): Row {
  const rates = (which: 'without' | 'one') => results.map((result) => result[which].perSecond)
  const ratio = ratios(rates('one'), rates('without'))
  const last = results.at(-1)!
  return {
    what: `${what} a second, ${clients} clients`,
    goal: goal === undefined ? '' : `≥ ${goal} of none`,
    measured: `${last.one.perSecond.toFixed(0)} against ${last.without.perSecond.toFixed(0)}`,
    ratio: ratio.shown,
    ...(goal !== undefined && { met: ratio.value >= goal }),
  }
}

function busyRow({ what, clients }: Turns, results: Pair[]): Row {
  const times = (which: 'without' | 'one') => results.map((result) => result[which].busyMs)
  return {
    what: `processor time of ${what}, ${clients} clients`,
    goal: '',
    measured: `${ms(median(times('one')))} against ${ms(median(times('without')))}`,
    ratio: ratios(times('one'), times('without')).shown,
  }
}
