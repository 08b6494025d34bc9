import type { DurableHealth } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { queueHealthQuery } from '../queries/workers.ts'

/** A quarter of an hour. */
const keptMax = 300

export type HealthSample = DurableHealth & { atMs: number }

/** What was seen so far, the latest last, kept while the page is open. */
let kept: readonly HealthSample[] = []

/** Looks every few seconds while somebody looks at it. */
export function useHealth() {
  const current = useQuery(queueHealthQuery)
  const [seen, setSeen] = useState(kept)
  const { data, dataUpdatedAt: atMs } = current
  useEffect(() => {
    if (!data || kept.at(-1)?.atMs === atMs) return
    kept = [...kept, { ...data, atMs }].slice(-keptMax)
    setSeen(kept)
  }, [data, atMs])
  return { current, seen }
}
