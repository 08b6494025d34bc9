const slotsMax = 20
const slotMs = 50

export type Heartbeat = {
  /** Calls `beat` once in the period, until the returned function is called. */
  add: (beat: () => void) => () => void
}

/** One timer for the heartbeats of all streams, spread over the period to avoid bursts. */
export function createHeartbeat(periodMs: number): Heartbeat {
  const count = Math.max(1, Math.min(slotsMax, Math.floor(periodMs / slotMs)))
  const slots = Array.from({ length: count }, () => new Set<() => void>())
  let size = 0
  let next = 0
  let timer: NodeJS.Timeout | undefined

  function tick() {
    const slot = slots[next % count]!
    next += 1
    for (const beat of slot) beat()
  }

  return {
    add(beat) {
      // The slot that was served last, so that the first beat comes after a whole period.
      const slot = slots[(next + count - 1) % count]!
      slot.add(beat)
      size += 1
      timer ??= setInterval(tick, periodMs / count)
      return () => {
        if (!slot.delete(beat)) return
        size -= 1
        if (size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
  }
}
