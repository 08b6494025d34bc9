import { median, type Options, progress, type Report, ratios, runsOf } from '../core/figures.ts'
import { loadFor } from '../core/load.ts'
import { startOutlast, withDataDir } from '../core/servers.ts'

const connections = 16
const roundsPerRun = 2
/** Isolation may cost a twentieth of a read. */
const ratioMin = 0.95

const env = {
  AUTH_MODE: 'full',
  SECRETS_ENCRYPTION_KEY: `kek-v1:${Buffer.alloc(32, 1).toString('base64')}`,
  RATE_LIMIT_KEY: '1000000',
  RATE_LIMIT_USER: '1000000',
  RATE_LIMIT_ORG: '1000000',
  RATE_LIMIT_ADDRESS: '1000000',
}

/** Cost of the isolation of end users for a read, against a session token and an API key. */
export function endUsers(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const server = await startOutlast({ env: { ...env, DATA_DIR: dataDir } })
    try {
      return await measure(server.url, options)
    } finally {
      await server.stop()
    }
  })
}

async function measure(url: string, options: Options): Promise<Report> {
  const { path, callers } = await furnish(url)
  const forMs = options.quick ? 1_500 : 2_500
  const names = Object.keys(callers) as (keyof typeof callers)[]
  const rates = { key: [] as number[], session: [] as number[], user: [] as number[] }
  for (let run = 0; run <= runsOf(options) * roundsPerRun; run++) {
    // In alternating order, so that a drift over time does not favor a caller.
    for (const name of run % 2 === 0 ? names : names.toReversed()) {
      const asked = () => ({ path, authorization: callers[name] })
      const { perSecond } = await loadFor(url, asked, { connections, forMs })
      // The first run warms up.
      if (run > 0) rates[name].push(perSecond)
    }
    if (run > 0) progress(`run ${run}: ${names.map((name) => rates[name].at(-1)?.toFixed(0))}`)
  }
  const against = (what: string, base: number[]) => {
    const ratio = ratios(rates.user, base)
    return {
      what: `token of an end user against ${what}`,
      goal: `≥ ${ratioMin}`,
      measured: `${median(rates.user).toFixed(0)} against ${median(base).toFixed(0)} a second`,
      ratio: ratio.shown,
      met: ratio.value >= ratioMin,
    }
  }
  return {
    title: 'GET /v1/sessions/{id} with the isolation of end users',
    rows: [against('a session token', rates.session), against('an API key', rates.key)],
  }
}

/** A session of an end user, and the callers that read it. */
async function furnish(url: string) {
  const account = { email: 'bench@example.com', password: 'a long password', name: 'Bench' }
  const { access_token } = await post(url, '/v1/auth/register', account)
  const bearer = `Bearer ${access_token}`
  const { key } = await post(url, '/v1/auth/api-keys', { name: 'Bench' }, bearer)
  const agent = await post(url, '/v1/agents', { name: 'Bench', system_prompt: 'Hi.' }, key)
  const body = { agent_id: agent.id, user: 'customer-4711' }
  const path = `/v1/sessions/${(await post(url, '/v1/sessions', body, key)).id}`
  const session = await post(url, `${path}/tokens`, {}, key)
  const user = await post(url, '/v1/tokens', { user: body.user }, key)
  const callers = { key: key!, session: `Bearer ${session.token}`, user: `Bearer ${user.token}` }
  return { path, callers }
}

async function post(url: string, path: string, body: object, authorization?: string) {
  const headers = { 'content-type': 'application/json', ...(authorization && { authorization }) }
  const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as Record<string, string>
}
