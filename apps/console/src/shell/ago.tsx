import { useEffect, useState } from 'react'
import { agoOf, exactTimeOf } from './times.ts'

const tickMs = 30_000

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
