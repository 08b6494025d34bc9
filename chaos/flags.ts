import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { type FaultKind, faultKinds } from './plan.ts'

export type Flags = {
  minutes: number
  seed: number
  databaseUrl: string | undefined
  keepIn: string | undefined
  kinds: readonly FaultKind[]
}

export const usage = `npm run chaos -- [--minutes N] [--seed N] [--faults NAMES] [--database-url URL] [--keep FOLDER]

  --minutes N         minutes of injected faults, 5 by default
  --seed N            seed of the plan of faults; random by default, printed first and last
  --faults NAMES      only these faults, separated by commas; all by default:
                      ${faultKinds.slice(0, 8).join(', ')},
                      ${faultKinds.slice(8).join(', ')}
  --database-url URL  a PostgreSQL server to create a database on; it is not restarted. Without it the
                      run has one of its own with a synchronous standby, which is restarted and killed
  --keep FOLDER       folder for the logs of the nodes and the ledger`

/** An invalid flag. The message names the flag and the reason. */
export class FlagError extends Error {
  override name = 'FlagError'
}

const options = {
  minutes: { type: 'string' },
  seed: { type: 'string' },
  faults: { type: 'string' },
  'database-url': { type: 'string' },
  keep: { type: 'string' },
  help: { type: 'boolean' },
} as const

const minutesMax = 24 * 60
const seedMax = 2 ** 31

/** Contract: throws FlagError with one sentence. */
export function readFlags(args: string[]): Flags | 'help' {
  const values = parsed(args)
  if (values.help) return 'help'
  return {
    minutes: numberOf('--minutes', values.minutes ?? '5', { above: 0, most: minutesMax }),
    seed: wholeOf('--seed', values.seed ?? String(randomInt(seedMax))),
    databaseUrl: urlOf(values['database-url']),
    keepIn: values.keep,
    kinds: values.faults === undefined ? faultKinds : values.faults.split(',').map(kindOf),
  }
}

function parsed(args: string[]) {
  try {
    return parseArgs({ args, options }).values
  } catch (error) {
    const [sentence] = (error as Error).message.split(/\.?\n|\. |\.$/)
    throw new FlagError(`${sentence}. See --help.`)
  }
}

function numberOf(flag: string, text: string, { above, most }: { above: number; most: number }) {
  const value = Number(text)
  if (text.trim() !== '' && value > above && value <= most) return value
  throw new FlagError(`${flag} must be a number above ${above}, at most ${most}, not "${text}".`)
}

function wholeOf(flag: string, text: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) < seedMax) return Number(text)
  throw new FlagError(`${flag} must be a whole number below ${seedMax}, not "${text}".`)
}

function kindOf(text: string): FaultKind {
  const kind = faultKinds.find((known) => known === text.trim())
  if (kind) return kind
  throw new FlagError(`--faults must be names from ${faultKinds.join(', ')}, not "${text}".`)
}

function urlOf(text: string | undefined): string | undefined {
  if (text === undefined || (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text))) return text
  throw new FlagError('--database-url must begin with postgres:// or postgresql://.')
}
