import { OutlastError } from '@outlast/sdk'

export type Verdict = 'ok' | 'warning' | 'wrong'

/** Result of a check, in one sentence. `advice`: the fix of a problem. */
export type Finding = { check: string; verdict: Verdict; sentence: string; advice?: string }

export const ok = (check: string, sentence: string): Finding => ({ check, verdict: 'ok', sentence })

export const warning = (check: string, sentence: string, advice: string): Finding => ({
  check,
  verdict: 'warning',
  sentence,
  advice,
})

export const wrong = (check: string, sentence: string, advice: string): Finding => ({
  check,
  verdict: 'wrong',
  sentence,
  advice,
})

/** A check whose request failed. */
export function failed(check: string, error: unknown): Finding {
  if (!(error instanceof OutlastError)) throw error
  const { status, code, message, requestId } = error
  if (status === 429)
    return warning(check, `Not checked: ${ended(message)}`, 'Wait a minute and try again.')
  if (status === 403)
    return ok(check, `Not checked, because the key has no permission: ${ended(message)}`)
  const logs = requestId ? `The server's log has details of request ${requestId}.` : 'Try again.'
  const advice = code === 'not_outlast' ? proxyAdvice : logs
  return wrong(check, ended(message), advice)
}

export const proxyAdvice =
  'A proxy answers some requests itself. It must forward all of /v1 to the server.'

/** Ends a text with one period. */
export const ended = (text: string) => text.replace(/\.?$/, '.')

/** `1 turn`, `2 turns`. */
export const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`

/** Formats a duration: `350 ms`, `2.0 s`, `3 days`. */
export function lasting(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  for (const [unit, size] of units) if (ms >= 2 * size) return `${Math.floor(ms / size)} ${unit}s`
  return '1 minute'
}

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const
