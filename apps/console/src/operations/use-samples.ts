import type { DurableHealth } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { outlast } from '../client.ts'
import { readSample, type Sample } from './metrics.ts'

const everyMs = 3_000
/** A quarter of an hour. */
const keptMax = 300

export type HealthSample = DurableHealth & { atMs: number }

export const useHealth = () =>
  useQuery({
    queryKey: ['operations', 'health'],
    queryFn: async ({ signal }) => await outlast.workers.getHealth({ signal }),
    refetchInterval: everyMs,
  })

/** What the node tells of itself to this machine and to nobody else: null where it does not. */
const useMetrics = () =>
  useQuery({
    queryKey: ['operations', 'metrics'],
    async queryFn({ signal }) {
      const response = await fetch('/metrics', { signal })
      return response.ok ? readSample(await response.text(), Date.now()) : null
    },
    refetchInterval: ({ state }) => (state.data === null ? false : everyMs),
  })

/** What was seen so far, the latest last, kept while the page is open. */
const kept: { health: HealthSample[]; samples: Sample[] } = { health: [], samples: [] }

function keep<T extends { atMs: number }>(list: T[], next: T): T[] {
  if (list.at(-1)?.atMs === next.atMs) return list
  return [...list, next].slice(-keptMax)
}

/** Looks every few seconds while somebody looks at it. */
export function useSamples() {
  const health = useHealth()
  const metrics = useMetrics()
  const [, setCount] = useState(0)
  useEffect(() => {
    if (!health.data) return
    kept.health = keep(kept.health, { ...health.data, atMs: health.dataUpdatedAt })
    setCount((count) => count + 1)
  }, [health.data, health.dataUpdatedAt])
  useEffect(() => {
    if (!metrics.data) return
    // Another node, or one that was started again, counts from nothing.
    const isAnew = metrics.data.completed < (kept.samples.at(-1)?.completed ?? 0)
    kept.samples = keep(isAnew ? [] : kept.samples, metrics.data)
    setCount((count) => count + 1)
  }, [metrics.data])
  return { ...kept, current: health, hasMetrics: metrics.data !== null }
}
