/**
 * Measures whether the time of a failed sign-in reveals that an email address has an account.
 * Prints the medians for a wrong password, an unknown address and the administrator of the
 * settings, and their ratios: `node bench/requests/login-timing.ts`.
 */
import { startOutlast, withDataDir } from '../core/servers.ts'

const rounds = 60
/** An address may try this often in 15 minutes; each round uses addresses without a lock-out. */
const perAddress = 90
const ratioMax = 1.5
const adminEmail = 'admin@example.com'

type Kind = 'wrong password' | 'unknown e-mail' | 'administrator'

async function main() {
  await withDataDir(async (dataDir) => {
    const server = await startOutlast({
      env: {
        DATA_DIR: dataDir,
        AUTH_MODE: 'full',
        AUTH_ADMIN_EMAIL: adminEmail,
        AUTH_ADMIN_PASSWORD: 'correct horse battery',
        TRUST_PROXY: '127.0.0.1',
      },
    })
    try {
      report(await measure(server.url))
    } finally {
      await server.stop()
    }
  })
}

/** A new account for every few attempts: ten wrong passwords lock one. */
async function measure(url: string): Promise<Map<Kind, number[]>> {
  const times = new Map<Kind, number[]>()
  let made = 0
  const post = (path: string, body: object) => {
    made += 1
    return fetch(url + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-forwarded-for': `10.0.0.${Math.floor(made / perAddress)}`,
      },
      body: JSON.stringify(body),
    })
  }
  const attempt = async (kind: Kind, email: string) => {
    const begun = performance.now()
    const { status } = await post('/v1/auth/login', { email, password: 'a wrong password' })
    const ms = performance.now() - begun
    if (status !== 401) throw new Error(`${kind}: ${status}`)
    times.set(kind, [...(times.get(kind) ?? []), ms])
  }
  for (let round = 0; round < rounds; round++) {
    const email = `known${round}@example.com`
    await post('/v1/auth/register', { email, password: 'a long password', name: 'Known' })
    await attempt('wrong password', email)
    await attempt('unknown e-mail', `unknown${round}@example.com`)
    if (round < 10) await attempt('administrator', adminEmail)
  }
  return times
}

function report(times: Map<Kind, number[]>) {
  const medians = [...times].map(([kind, values]) => [kind, medianOf(values)] as const)
  for (const [kind, ms] of medians) process.stdout.write(`${kind.padEnd(16)} ${ms.toFixed(1)} ms\n`)
  const all = medians.map(([, ms]) => ms)
  const ratio = Math.max(...all) / Math.min(...all)
  process.stdout.write(`slowest / fastest ${ratio.toFixed(2)} (at most ${ratioMax})\n`)
  if (ratio > ratioMax) process.exitCode = 1
}

function medianOf(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

await main()
