import type { DurableHealth } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { queueHealthQuery } from '../queries/workers.ts'

/** 15 minutes of samples, one every 3 s. */
const samplesMax = 300

export type HealthSample = DurableHealth & { atMs: number }

/** Samples since the page was loaded, oldest first. */
let samples: readonly HealthSample[] = []

/** Samples the server health while a component uses it. */
export function useHealth() {
  const current = useQuery(queueHealthQuery)
  const [seen, setSeen] = useState(samples)
  const { data, dataUpdatedAt: atMs } = current
  useEffect(() => {
    if (!data || samples.at(-1)?.atMs === atMs) return
    samples = [...samples, { ...data, atMs }].slice(-samplesMax)
    setSeen(samples)
  }, [data, atMs])
  return { current, seen }
}
