/**
 * Injects faults, and checks that nothing is lost, doubled or changed.
 *
 *     npm run chaos -- --minutes 5 --seed 7
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { runChaos } from './chaos.ts'
import { countedFaults } from './figures.ts'
import { FlagError, type Flags, readFlags, usage } from './flags.ts'
import { type FaultKind, faultKinds, planOf } from './plan.ts'
import { isGood, markdown, type Outcome, problemsOf } from './report.ts'

const roles = ['all', 'all', 'worker'] as const
const sessions = 24
const interruptedCode = 130
const reports = fileURLToPath(new URL('../docs/reports/', import.meta.url))

const say = (line: string) => void process.stdout.write(`${line}\n`)

/** Minimum counts per minute, also on a slow machine. */
const perMinute = {
  'completed turns': 60,
  'cancelled turns': 4,
  'safe effects': 20,
  'unsafe effects': 20,
  resumes: 60,
  'waits for a budget': 5,
  'top-ups in tokens': 1,
  'top-ups in usd': 1,
  kills: 1,
}

/** Minimum counts for a run of any length. */
const once = { stops: 1, 'database restarts': 1, 'broken connections': 1, cancels: 1 }

/** Contract: a fault that was not chosen has no minimum. */
function minimumFor({ minutes, kinds }: Flags) {
  const times = Object.entries(perMinute).map(([name, least]) => [
    name,
    Math.max(1, Math.floor(least * minutes)),
  ])
  const all: [string, number][] = Object.entries({ ...Object.fromEntries(times), ...once })
  return Object.fromEntries(all.filter(([name]) => canHappen(name, kinds)))
}

function canHappen(name: string, chosen: readonly FaultKind[]) {
  const kinds = countedFaults[name]
  return kinds === undefined || kinds.some((kind) => chosen.includes(kind))
}

/** The first signal ends the run and its processes; the second ends this process at once. */
function untilInterrupted(): AbortSignal {
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interrupted.signal.aborted) process.exit(interruptedCode)
      say(`${signal}: stopping all processes; nothing is audited`)
      interrupted.abort()
    })
  }
  return interrupted.signal
}

async function chaos(flags: Flags, signal: AbortSignal): Promise<Outcome> {
  const begun = performance.now()
  return runChaos({
    seed: flags.seed,
    roles,
    sessions,
    faults: planOf(flags.seed, { nodes: roles.length, kinds: flags.kinds }),
    hasStandby: flags.kinds.includes('failover'),
    lastsMs: flags.minutes * 60_000,
    minimum: minimumFor(flags),
    databaseUrl: flags.databaseUrl,
    keepIn: flags.keepIn,
    say: (line) => say(`${((performance.now() - begun) / 1000).toFixed(1).padStart(7)} s  ${line}`),
    signal,
  })
}

function write(outcome: Outcome, flags: Flags): string {
  const { seed, minutes, kinds } = flags
  const faults = kinds.length === faultKinds.length ? '' : ` --faults ${kinds.join(',')}`
  const command = `npm run chaos -- --minutes ${minutes} --seed ${seed}${faults}`
  const day = new Date().toISOString().slice(0, 10)
  const file = path.join(reports, `chaos-${day}-seed-${seed}.md`)
  mkdirSync(reports, { recursive: true })
  writeFileSync(file, markdown(outcome, command))
  return path.relative(process.cwd(), file)
}

try {
  const flags = readFlags(process.argv.slice(2))
  if (flags === 'help') {
    say(usage)
    process.exit(0)
  }
  say(`seed ${flags.seed}`)
  const interrupted = untilInterrupted()
  let code = 1
  try {
    const outcome = await chaos(flags, interrupted)
    for (const problem of problemsOf(outcome)) say(problem)
    say(`report: ${write(outcome, flags)}`)
    say(isGood(outcome) ? 'passed' : 'FAILED')
    code = isGood(outcome) ? 0 : 1
  } catch (error) {
    if (error instanceof FlagError) throw error
    if (interrupted.aborted) code = interruptedCode
    else say((error as Error).stack ?? String(error))
  }
  say(`seed ${flags.seed}`)
  process.exit(code)
} catch (error) {
  if (!(error instanceof FlagError)) throw error
  process.stderr.write(`chaos: ${error.message}\n`)
  process.exit(1)
}
