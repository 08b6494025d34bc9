import { useEffect, useState } from 'react'
import { agoOf, exactTimeOf } from './times.ts'

const tickMs = 30_000

/** A relative time, updated every 30 s. The exact time is in its tooltip. */
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
