import { useEffect, useState } from 'react'

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const

const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

/** A time to the second, as it is where the person is. */
export const exactTimeOf = (at: string) => exact.format(new Date(at))

const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const tickMs = 30_000

function agoOf(at: string, now: number): string {
  const ms = Date.parse(at) - now
  for (const [unit, size] of units) {
    if (Math.abs(ms) >= size) return words.format(Math.round(ms / size), unit)
  }
  return ms > 1_000 ? 'in a moment' : 'just now'
}

/** How long ago something was, kept up to date; the exact time shows under the pointer. */
export function Ago({ at }: { at: string }) {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), tickMs)
    return () => clearInterval(timer)
  }, [])
  return (
    <time dateTime={at} title={exactTimeOf(at)}>
      {agoOf(at, now)}
    </time>
  )
}
